import type { DiskSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import { QmpError } from '#libs/qmp/client.ts';
import { setTimeout as delay } from 'node:timers/promises';
import {
  adapterBackend,
  adapterBackendId,
  adapterDevice,
  diskBackend,
  diskDevice,
  diskId,
  diskNode,
} from './hardware.ts';
import type { PluggedAdapter } from './hardware.ts';
import type { RunningQemu } from './running-qemu.ts';

type Monitor = Pick<RunningQemu, 'execute'>;

/** Plugs a disk into a running machine; also when an earlier try got half-way. @throws QmpError */
export async function plugDisk(qemu: Monitor, disk: DiskSpec): Promise<void> {
  if (await hasDevice(qemu, diskId(disk.position))) return;
  const node = diskNode(disk.position);
  await quietly(qemu.execute('blockdev-del', { 'node-name': node }));
  await qemu.execute('blockdev-add', diskBackend(disk));
  try {
    await qemu.execute('device_add', diskDevice(disk));
  } catch (error) {
    await quietly(qemu.execute('blockdev-del', { 'node-name': node }));
    throw error;
  }
}

/** Plugs an adapter into a running machine; its tap is up. @throws QmpError */
export async function plugAdapter(qemu: Monitor, adapter: PluggedAdapter, tap: string): Promise<void> {
  if (await hasDevice(qemu, `nic${adapter.port}`)) return;
  const id = adapterBackendId(adapter.port);
  await quietly(qemu.execute('netdev_del', { id }));
  await qemu.execute('netdev_add', adapterBackend(adapter, tap));
  try {
    await qemu.execute('device_add', adapterDevice(adapter));
  } catch (error) {
    await quietly(qemu.execute('netdev_del', { id }));
    throw error;
  }
}

/** Takes a disk out of a running machine. @throws AgentProblem `needs_power_off` when the guest does not let go of it */
export async function unplugDisk(qemu: Monitor, { position }: DiskSpec): Promise<void> {
  await unplugDevice(qemu, diskId(position));
  await quietly(qemu.execute('blockdev-del', { 'node-name': diskNode(position) }));
}

/** Takes an adapter out of a running machine. @throws AgentProblem `needs_power_off` when the guest does not let go of it */
export async function unplugAdapter(qemu: Monitor, { port }: PluggedAdapter): Promise<void> {
  await unplugDevice(qemu, `nic${port}`);
  await quietly(qemu.execute('netdev_del', { id: adapterBackendId(port) }));
}

const UNPLUG_DEADLINE_MS = 10_000;
const UNPLUG_RETRY_MS = 100;

/** `device_del` only asks: the device is gone when the guest's driver has let go of it, and that may be never. */
async function unplugDevice(qemu: Monitor, id: string): Promise<void> {
  const deadline = performance.now() + UNPLUG_DEADLINE_MS;
  let asked = false;
  while (await hasDevice(qemu, id)) {
    // Asked again while it is asked already is an error that says so.
    if (!asked) await quietly(qemu.execute('device_del', { id }));
    asked = true;
    if (performance.now() > deadline)
      throw new AgentProblem(
        409,
        'needs_power_off',
        `the guest does not let go of ${id}; it can be unplugged while the machine is off`,
      );
    await delay(UNPLUG_RETRY_MS);
  }
}

const GROW_DEADLINE_MS = 10_000;
const GROW_RETRY_MS = 200;

/**
 * Tells a running guest that its disk has grown. An NBD client knows the size that the server named when it connected, and looks at the
 * connection only when it has something to ask: a read makes it notice that the export was made anew, larger, behind it.
 * @throws QmpError when the storage does not offer the size in time
 */
export async function growDisk(qemu: Monitor, position: number, sizeBytes: number): Promise<void> {
  const deadline = performance.now() + GROW_DEADLINE_MS;
  for (;;) {
    try {
      await qemu.execute('block_resize', { 'node-name': diskNode(position), size: sizeBytes });
      return;
    } catch (error) {
      if (!(error instanceof QmpError) || performance.now() > deadline) throw error;
      await quietly(
        qemu.execute('human-monitor-command', { 'command-line': `qemu-io ${diskNode(position)} "read 0 512"` }),
      );
      await delay(GROW_RETRY_MS);
    }
  }
}

async function hasDevice(qemu: Monitor, id: string): Promise<boolean> {
  const devices = await qemu.execute<{ name: string }[]>('qom-list', { path: '/machine/peripheral' });
  return devices.some((device) => device.name === id);
}

async function quietly(command: Promise<unknown>): Promise<void> {
  try {
    await command;
  } catch (error) {
    // Clearing away what may not be there.
    if (!(error instanceof QmpError)) throw error;
  }
}
