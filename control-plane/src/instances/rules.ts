/** The rules of VM instances, without any I/O (INS, FLV, RSZ). */

/** Bounds of a family; both ends included (UNI-04). */
export interface FamilyBounds {
  readonly name: string;
  readonly vcpuMin: number;
  readonly vcpuMax: number;
  readonly ramMinGb: number;
  readonly ramMaxGb: number;
}

export interface Size {
  readonly vcpu: number;
  readonly ramGb: number;
}

/**
 * FLV-04: a custom size lies within the bounds of its family; a catalogue flavour is always allowed (gp.small has 1 vCPU).
 * @returns what is wrong, null when nothing is
 */
export function sizeProblem(family: FamilyBounds, size: Size, flavors: readonly Size[]): string | null {
  if (flavors.some((flavor) => flavor.vcpu === size.vcpu && flavor.ramGb === size.ramGb)) return null;
  if (size.vcpu < family.vcpuMin || size.vcpu > family.vcpuMax)
    return `The family ${family.name} takes ${String(family.vcpuMin)} to ${String(family.vcpuMax)} vCPU, and ${String(size.vcpu)} were asked for`;
  if (size.ramGb < family.ramMinGb || size.ramGb > family.ramMaxGb)
    return `The family ${family.name} takes ${String(family.ramMinGb)} to ${String(family.ramMaxGb)} GB of memory, and ${String(size.ramGb)} were asked for`;
  return null;
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** NoCloud seeds have room for more, but a text of this size is a mistake. */
const seedBytesMax = 256 * 1024;

/** Text of a cloud-init member. Standard alphabet with padding only (notes §7.4). @returns the problem instead when there is one */
export function decodeSeed(encoded: string): { text: string } | { problem: string } {
  if (!base64.test(encoded)) return { problem: 'Must be a valid base64-encoded string' };
  const bytes = Buffer.from(encoded, 'base64');
  if (bytes.length > seedBytesMax) return { problem: `Must not be larger than ${String(seedBytesMax / 1024)} KiB` };
  try {
    return { text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    return { problem: 'Must be base64-encoded UTF-8 text' };
  }
}

/** A random unicast MAC address of the locally administered range (IEEE 802: second bit of the first octet). */
export function macAddress(random: Uint8Array): string {
  const octets = [0x02, ...random.subarray(0, 5)];
  return octets.map((octet) => octet.toString(16).padStart(2, '0')).join(':');
}

/** Device indexes of one request must differ. @returns the first that does not, else null */
export function repeatedDeviceIndex(indexes: readonly number[]): number | null {
  const seen = new Set<number>();
  for (const index of indexes) {
    if (seen.has(index)) return index;
    seen.add(index);
  }
  return null;
}
