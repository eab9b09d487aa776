import type { GuestInterface, Machine, MachineSpec, Tools } from '#contract/generated/agent-host.ts';
import { hash53 } from '#libs/simulation/random.ts';
import { hostnameOf } from './serial.ts';

/** All that is kept of one simulated machine: few and flat members, since a process holds 100,000 of them. */
export interface MachineRecord {
  readonly id: string;
  name: string;
  hostname: string;
  generation: number;
  /** Hash of the wanted content, to know a repeated call from a changed one of the same generation; 0 = any content. */
  fingerprint: number;
  /** Whether the host got all the way to the wanted state of `generation`. */
  converged: boolean;
  wantsPower: boolean;
  vcpus: number;
  memoryMib: number;
  /** Volume ids in order of position. */
  disks: string[];
  /** Adapter id, then its MAC address, in order of device index. */
  adapters: string[];
  restartOnCrash: boolean;
  maxRestartsPerHour: number;
  status: Machine['status'];
  readonly createdAt: number;
  /** Milliseconds since the epoch, 0 = never. */
  startedAt: number;
  stoppedAt: number;
  /** When the guest of this start is up (or was); tools answer from then on. */
  upAt: number;
  stopCause: Machine['stopCause'];
  stopDetail: string | null;
  boots: number;
  /** When it was restarted automatically in the last hour. */
  restarts: number[];
  /** Rises with every start and stop: planned actions of an earlier run see that they are late. Not remembered. */
  run: number;
}

const toolsVersion = '7.2.22-simulated';
const hourMs = 3_600_000;

/** A machine that was never started, as `spec` wants it. */
export function newRecord(
  id: string,
  spec: Pick<MachineSpec, 'name' | 'vcpus' | 'memoryMib'>,
  now: number,
): MachineRecord {
  return {
    id,
    name: spec.name,
    hostname: hostnameOf(spec.name),
    generation: 0,
    fingerprint: 0,
    converged: false,
    wantsPower: false,
    vcpus: spec.vcpus,
    memoryMib: spec.memoryMib,
    disks: [],
    adapters: [],
    restartOnCrash: false,
    maxRestartsPerHour: 0,
    status: 'stopped',
    createdAt: now,
    startedAt: 0,
    stoppedAt: 0,
    upAt: 0,
    stopCause: null,
    stopDetail: null,
    boots: 0,
    restarts: [],
    run: 0,
  };
}

/** What is remembered over a restart of the process. */
export function toJournal(record: MachineRecord): Omit<MachineRecord, 'run'> {
  const { run: _, ...kept } = record;
  return kept;
}

/** The opposite of `toJournal`. */
export function fromJournal(value: unknown): MachineRecord {
  return { ...(value as Omit<MachineRecord, 'run'>), run: 0 };
}

export function isOn(record: MachineRecord): boolean {
  return record.status === 'running' || record.status === 'paused' || record.status === 'migrating';
}

/** Leaves out what the contract lets change without effect (the cloud-init seed). */
export function fingerprintOf(spec: MachineSpec): number {
  const { name, power, stopGraceSeconds, vcpus, memoryMib, cpu, disks, adapters, restart } = spec;
  return hash53(
    JSON.stringify([
      [name, power, stopGraceSeconds, vcpus, memoryMib, cpu.policy, cpu.weight, restart.policy, restart.maxPerHour],
      disks.map((disk) => [disk.volumeId, disk.position, disk.serial, disk.sizeBytes]),
      adapters.map((adapter) => [adapter.adapterId, adapter.portName, adapter.macAddress, adapter.deviceIndex]),
    ]),
  );
}

/** Automatic restarts of the last hour; forgets older ones. */
export function restartsInLastHour(record: MachineRecord, now: number): number {
  if (record.restarts.length > 0) record.restarts = record.restarts.filter((at) => at > now - hourMs);
  return record.restarts.length;
}

/** The record as the contract shows it at `now`. */
export function observe(record: MachineRecord, tools: Tools['state'], now: number): Machine {
  const on = isOn(record);
  const up = on && now >= record.upAt;
  const answers = up && tools !== 'absent';
  return {
    id: record.id,
    generation: record.generation,
    power: on ? 'on' : 'off',
    status: record.status,
    startedAt: timestamp(record.startedAt),
    stoppedAt: on ? null : timestamp(record.stoppedAt),
    stopCause: on ? null : record.stopCause,
    stopDetail: on ? null : record.stopDetail,
    restarts: restartsInLastHour(record, now),
    tools: {
      state: up ? tools : 'unknown',
      since: new Date(
        up ? record.upAt : on ? record.startedAt : Math.max(record.stoppedAt, record.createdAt),
      ).toISOString(),
      version: answers ? toolsVersion : null,
    },
    addresses: answers ? addressesOf(record) : [],
    os: answers
      ? { id: 'debian', name: 'Debian GNU/Linux', version: '12', kernel: '6.1.0-simulated', hostname: record.hostname }
      : null,
    disks: [...record.disks],
    adapters: record.adapters.filter((_, index) => index % 2 === 0),
    pid: null,
  };
}

/** The address a simulated guest gives itself: the last three bytes of its MAC address in 10.0.0.0/8. */
function addressesOf(record: MachineRecord): GuestInterface[] {
  const interfaces: GuestInterface[] = [];
  for (let index = 1; index < record.adapters.length; index += 2) {
    const macAddress = record.adapters[index] ?? '';
    const bytes = macAddress
      .split(':')
      .slice(3)
      .map((byte) => Number.parseInt(byte, 16));
    interfaces.push({ name: `eth${(index - 1) / 2}`, macAddress, ipv4: [`10.${bytes.join('.')}`], ipv6: [] });
  }
  return interfaces;
}

function timestamp(at: number): string | null {
  return at === 0 ? null : new Date(at).toISOString();
}
