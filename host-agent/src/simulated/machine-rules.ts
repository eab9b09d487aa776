import type { MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import { isOn } from './machine-record.ts';
import type { MachineRecord } from './machine-record.ts';

const defaultRestartsPerHour = 5;

/** @throws AgentProblem `stale_generation` */
export function isSettled(known: MachineRecord, spec: MachineSpec, fingerprint: number): boolean {
  const stale = spec.generation < known.generation;
  const changed = known.fingerprint !== 0 && known.fingerprint !== fingerprint;
  if (stale || (spec.generation === known.generation && changed)) {
    throw new AgentProblem(
      409,
      'stale_generation',
      stale
        ? `generation ${known.generation} of machine ${known.id} was seen already, ${spec.generation} is older`
        : `generation ${spec.generation} of machine ${known.id} was seen already with another content`,
    );
  }
  return spec.generation === known.generation && known.converged;
}

/** @throws AgentProblem `needs_power_off` */
export function refuseChangeWhileOn(known: MachineRecord, spec: MachineSpec): void {
  if (!isOn(known) || spec.power === 'off') return;
  const reasons = [
    ...(spec.vcpus === known.vcpus ? [] : ['vcpus']),
    ...(spec.memoryMib === known.memoryMib ? [] : ['memoryMib']),
    ...(spec.disks.some((disk) => disk.volumeId === known.disks[0]) ? [] : ['unplug of the boot disk']),
  ];
  if (reasons.length === 0) return;
  throw new AgentProblem(
    409,
    'needs_power_off',
    `machine ${known.id} runs; this change needs it off: ${reasons.join(', ')}`,
  );
}

/** How many disks and adapters the new specification has that the machine has not. */
export function changedDevices(known: MachineRecord, spec: MachineSpec): number {
  const disks = spec.disks.filter((disk) => !known.disks.includes(disk.volumeId)).length;
  return disks + spec.adapters.filter((adapter) => !known.adapters.includes(adapter.adapterId)).length;
}

/** Only while the machine is off: the memory of one that is on has been counted. */
export function resize(record: MachineRecord, { vcpus, memoryMib }: MachineSpec): void {
  record.vcpus = vcpus;
  record.memoryMib = memoryMib;
}

/** Takes over all of a new specification but what only a machine that is off may change. */
export function take(record: MachineRecord, spec: MachineSpec, fingerprint: number): void {
  record.generation = spec.generation;
  record.fingerprint = fingerprint;
  record.converged = false;
  record.name = spec.name;
  record.wantsPower = spec.power === 'on';
  record.disks = spec.disks.toSorted((a, b) => a.position - b.position).map((disk) => disk.volumeId);
  record.adapters = spec.adapters
    .toSorted((a, b) => a.deviceIndex - b.deviceIndex)
    .flatMap((adapter) => [adapter.adapterId, adapter.macAddress]);
  record.restartOnCrash = spec.restart.policy === 'on_crash';
  record.maxRestartsPerHour = spec.restart.maxPerHour ?? defaultRestartsPerHour;
}
