import { tapName } from '../tap.ts';
import type { HardwareChange } from './hardware-change.ts';
import { assignPorts } from './hardware.ts';
import type { Hardware, PluggedAdapter } from './hardware.ts';
import { growDisk, plugAdapter, plugDisk, unplugAdapter, unplugDisk } from './hot-plug.ts';
import type { MachineNetwork } from './machine-network.ts';
import type { RunningQemu } from './running-qemu.ts';

/** Where the hardware of a running machine is kept, step by step, so that a failure half-way is remembered as it is. */
export interface RunningHardware {
  readonly network: MachineNetwork;
  readonly hardware: () => Hardware;
  readonly keep: (hardware: Hardware) => void;
}

/**
 * Unplugs, plugs and grows what a running machine shall have. A step that fails is undone; those before it stay.
 * @throws QmpError, CommandFailed, AgentProblem `needs_power_off`
 */
export async function changeRunning(
  qemu: Pick<RunningQemu, 'execute'>,
  change: HardwareChange,
  machine: RunningHardware,
): Promise<void> {
  const { hardware, keep } = machine;
  for (const adapter of change.removedAdapters) {
    await unplugAdapter(qemu, adapter);
    await machine.network.disconnect([adapter]);
    keep({ ...hardware(), adapters: hardware().adapters.filter(({ adapterId }) => adapterId !== adapter.adapterId) });
  }
  for (const disk of change.removedDisks) {
    await unplugDisk(qemu, disk);
    keep({ ...hardware(), disks: hardware().disks.filter(({ volumeId }) => volumeId !== disk.volumeId) });
  }
  for (const disk of change.addedDisks) {
    await plugDisk(qemu, disk);
    keep({
      ...hardware(),
      disks: [...hardware().disks, disk].toSorted((left, right) => left.position - right.position),
    });
  }
  for (const disk of change.grownDisks) {
    await growDisk(qemu, disk.position, disk.sizeBytes ?? 0);
    keep({ ...hardware(), disks: hardware().disks.map((each) => (each.volumeId === disk.volumeId ? disk : each)) });
  }
  const before = hardware().adapters;
  const added = new Set(change.addedAdapters.map(({ adapterId }) => adapterId));
  for (const adapter of assignPorts([...before, ...change.addedAdapters], before)) {
    if (!added.has(adapter.adapterId)) continue;
    await connectAndPlug(qemu, adapter, machine.network);
    keep({ ...hardware(), adapters: [...hardware().adapters, adapter] });
  }
}

async function connectAndPlug(
  qemu: Pick<RunningQemu, 'execute'>,
  adapter: PluggedAdapter,
  network: MachineNetwork,
): Promise<void> {
  try {
    await network.connect([adapter]);
    await plugAdapter(qemu, adapter, tapName(adapter.adapterId));
  } catch (error) {
    await network.disconnect([adapter]);
    throw error;
  }
}
