import type { GuestInterface, Machine, MachineSpec } from '#contract/generated/agent-host.ts';
import type { MachineRecord } from './machine-record.ts';
import { recentRestarts } from './restart-policy.ts';

/** A machine as the contract shows it. While on, `disks` and `adapters` are what QEMU has; while off, what it would get. */
export function observedMachine(from: {
  readonly id: string;
  readonly spec: MachineSpec;
  readonly record: MachineRecord;
  /** null while off. */
  readonly pid: number | null;
  readonly paused: boolean;
  readonly addresses: GuestInterface[];
  readonly os: Machine['os'];
  readonly now: number;
}): Machine {
  const { spec, record, pid } = from;
  const hardware = pid === null || record.hardware === null ? spec : record.hardware;
  const status = pid === null ? (record.crashed ? 'crashed' : 'stopped') : from.paused ? 'paused' : 'running';
  return {
    id: from.id,
    generation: spec.generation,
    power: pid === null ? 'off' : 'on',
    status,
    startedAt: instant(record.startedAt),
    stoppedAt: instant(record.stoppedAt),
    stopCause: record.stopCause,
    stopDetail: record.stopDetail,
    restarts: recentRestarts(record.restarts, from.now).length,
    tools: {
      state: record.tools.state,
      since: new Date(record.tools.since).toISOString(),
      version: record.tools.version,
    },
    addresses: from.addresses,
    os: from.os ?? null,
    disks: hardware.disks.toSorted((left, right) => left.position - right.position).map((disk) => disk.volumeId),
    adapters: hardware.adapters
      .toSorted((left, right) => left.deviceIndex - right.deviceIndex)
      .map((adapter) => adapter.adapterId),
    pid,
  };
}

function instant(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
