import type { AdapterSpec, DiskSpec, MachineSpec } from '#contract/generated/agent-host.ts';

/** Ports kept free for hot plug: one per disk position, one per adapter (host contract: 17 disks, 8 adapters). */
export const DISK_PORTS = 17;
export const ADAPTER_PORTS = 8;

/** An adapter and the port it sits in: the port decides the name the guest gives it, so it must not move while plugged. */
export interface PluggedAdapter extends AdapterSpec {
  readonly port: number;
}

/** The hardware a QEMU process was given: at its start and plugged in later. */
export interface Hardware {
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly disks: readonly DiskSpec[];
  readonly adapters: readonly PluggedAdapter[];
}

/**
 * Gives every adapter a port. Those in `plugged` keep theirs; the others take the port of their device index when it is free, else the
 * highest free one.
 */
export function assignPorts(adapters: readonly AdapterSpec[], plugged: readonly PluggedAdapter[]): PluggedAdapter[] {
  const taken = new Map(plugged.map((adapter) => [adapter.port, adapter.adapterId]));
  const placed = new Map(plugged.map((adapter) => [adapter.adapterId, adapter.port]));
  const place = (adapter: AdapterSpec, port: number): void => {
    taken.set(port, adapter.adapterId);
    placed.set(adapter.adapterId, port);
  };
  const inOrder = adapters.toSorted((left, right) => left.deviceIndex - right.deviceIndex);
  for (const adapter of inOrder) {
    const wanted = adapter.deviceIndex;
    if (!placed.has(adapter.adapterId) && wanted < ADAPTER_PORTS && !taken.has(wanted)) place(adapter, wanted);
  }
  for (const adapter of inOrder) {
    if (placed.has(adapter.adapterId)) continue;
    for (let port = ADAPTER_PORTS - 1; port >= 0; port -= 1) {
      if (taken.has(port)) continue;
      place(adapter, port);
      break;
    }
  }
  return inOrder.flatMap((adapter) => {
    const port = placed.get(adapter.adapterId);
    return port === undefined ? [] : [{ ...adapter, port }];
  });
}

/** What a machine gets when it starts; adapters that it had before keep their ports. */
export function wantedHardware(spec: MachineSpec, before: Hardware | null): Hardware {
  const { vcpus, memoryMib, disks, adapters } = spec;
  const kept = (before?.adapters ?? []).filter((old) => adapters.some(({ adapterId }) => adapterId === old.adapterId));
  return {
    vcpus,
    memoryMib,
    disks: disks.toSorted((left, right) => left.position - right.position),
    adapters: assignPorts(adapters, kept),
  };
}

/** A disk as QEMU's NBD client. A restarted storage daemon is waited for, so that it does not fail the guest's I/O. */
export function diskBackend(disk: DiskSpec): Record<string, unknown> {
  return {
    driver: 'nbd',
    'node-name': diskNode(disk.position),
    server: { type: 'unix', path: disk.nbd.socketPath },
    export: disk.nbd.export,
    'reconnect-delay': 3600,
    discard: 'unmap',
  };
}

/** The guest's side of a disk. */
export function diskDevice(disk: DiskSpec): Record<string, unknown> {
  return {
    driver: 'virtio-blk-pci',
    id: diskId(disk.position),
    bus: `dp${disk.position}`,
    drive: diskNode(disk.position),
    serial: disk.serial,
    ...(disk.position === 0 ? { bootindex: 0 } : {}),
  };
}

/** The host's side of an adapter: its tap device, made beforehand. */
export function adapterBackend(adapter: PluggedAdapter, tapName: string): Record<string, unknown> {
  return {
    type: 'tap',
    id: adapterBackendId(adapter.port),
    ifname: tapName,
    script: 'no',
    downscript: 'no',
    vhost: false,
  };
}

/**
 * The guest's side of an adapter. Offloads are off because the userspace datapath of Open vSwitch passes frames on with the checksums
 * and segments it got: with them on, TCP between guests stalls (measured, design §7).
 */
export function adapterDevice(adapter: PluggedAdapter): Record<string, unknown> {
  const offloads = [
    'csum',
    'guest_csum',
    'gso',
    'guest_tso4',
    'guest_tso6',
    'guest_ecn',
    'guest_ufo',
    'host_tso4',
    'host_tso6',
  ];
  return {
    driver: 'virtio-net-pci',
    id: `nic${adapter.port}`,
    bus: `np${adapter.port}`,
    netdev: adapterBackendId(adapter.port),
    mac: adapter.macAddress,
    // The option ROM is for booting from the network, which takes seconds when the disk does not boot.
    romfile: '',
    ...(adapter.mtu === undefined ? {} : { host_mtu: adapter.mtu }),
    ...Object.fromEntries([...offloads, 'host_ecn', 'host_ufo'].map((name) => [name, false])),
  };
}

export function diskId(position: number): string {
  return `disk${position}`;
}

export function diskNode(position: number): string {
  return `node${position}`;
}

export function adapterBackendId(port: number): string {
  return `net${port}`;
}
