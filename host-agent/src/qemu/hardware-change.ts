import { isDeepStrictEqual } from 'node:util';
import type { AdapterSpec, DiskSpec, MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import type { Hardware, PluggedAdapter } from './hardware.ts';

/** What lies between the hardware a QEMU has and a wanted machine. */
export interface HardwareChange {
  /** What only a machine that is off can get, in words; empty when all can be done while it runs. */
  readonly needsPowerOff: readonly string[];
  readonly addedDisks: readonly DiskSpec[];
  readonly addedAdapters: readonly AdapterSpec[];
  readonly grownDisks: readonly DiskSpec[];
  /** To be asked back from the guest. */
  readonly removedDisks: readonly DiskSpec[];
  readonly removedAdapters: readonly PluggedAdapter[];
}

/** Compares; pure. A disk or adapter that differs in more than its size counts as unplugged and another one plugged. */
export function hardwareChange(has: Hardware, wants: MachineSpec): HardwareChange {
  const needsPowerOff: string[] = [];
  if (has.vcpus !== wants.vcpus) needsPowerOff.push(`vcpus from ${has.vcpus} to ${wants.vcpus}`);
  if (has.memoryMib !== wants.memoryMib) needsPowerOff.push(`memoryMib from ${has.memoryMib} to ${wants.memoryMib}`);
  for (const disk of has.disks) {
    const wanted = wants.disks.find((each) => each.volumeId === disk.volumeId);
    if (wanted === undefined) {
      if (disk.position === 0) needsPowerOff.push(`unplug of boot disk ${disk.volumeId}`);
    } else if (!isDeepStrictEqual(unsized(disk), unsized(wanted)))
      needsPowerOff.push(`change of disk ${disk.volumeId}`);
  }
  for (const { port: _, ...adapter } of has.adapters) {
    const wanted = wants.adapters.find((each) => each.adapterId === adapter.adapterId);
    if (wanted !== undefined && !isDeepStrictEqual(adapter, wanted))
      needsPowerOff.push(`change of adapter ${adapter.adapterId}`);
  }
  const sizes = new Map(has.disks.map((disk) => [disk.volumeId, disk.sizeBytes]));
  return {
    needsPowerOff,
    addedDisks: wants.disks.filter((disk) => !sizes.has(disk.volumeId)),
    addedAdapters: wants.adapters.filter(
      (wanted) => !has.adapters.some((adapter) => adapter.adapterId === wanted.adapterId),
    ),
    grownDisks: wants.disks.filter((disk) => {
      const size = sizes.get(disk.volumeId);
      return size !== undefined && disk.sizeBytes !== undefined && disk.sizeBytes > size;
    }),
    removedDisks: has.disks.filter((disk) => wants.disks.every(({ volumeId }) => volumeId !== disk.volumeId)),
    removedAdapters: has.adapters.filter((adapter) =>
      wants.adapters.every(({ adapterId }) => adapterId !== adapter.adapterId),
    ),
  };
}

/** @throws AgentProblem 409 `needs_power_off` that names everything that does */
export function refuseWhileOn({ needsPowerOff }: HardwareChange): void {
  if (needsPowerOff.length === 0) return;
  throw new AgentProblem(409, 'needs_power_off', `the machine runs; this needs it off: ${needsPowerOff.join(', ')}`);
}

function unsized(disk: DiskSpec): Omit<DiskSpec, 'sizeBytes'> {
  const { sizeBytes: _, ...rest } = disk;
  return rest;
}
