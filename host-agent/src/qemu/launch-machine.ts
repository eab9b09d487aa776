import { existsSync } from 'node:fs';
import type { AdapterSpec, MachineSpec } from '#contract/generated/agent-host.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { tapName } from '../tap.ts';
import { commandLine } from './command-line.ts';
import type { Hardware } from './hardware.ts';
import type { MachineHost } from './machine-host.ts';
import type { MachinePaths } from './machine-paths.ts';
import { makeFolders } from './machine-record.ts';
import { RunningQemu } from './running-qemu.ts';
import type { QemuListener } from './running-qemu.ts';

/** Which machine to launch, with what. */
export interface MachineLaunch {
  readonly machineId: string;
  readonly paths: MachinePaths;
  readonly hardware: Hardware;
  readonly cpu: MachineSpec['cpu'];
  /** Adapters the machine had: those it has no more are disconnected. */
  readonly oldAdapters: readonly Pick<AdapterSpec, 'adapterId'>[];
  readonly listener: QemuListener;
  readonly signal: AbortSignal;
  /** Called as soon as there is a process, so that it is remembered. */
  readonly onSpawn: (identity: ProcessIdentity) => void;
}

/**
 * Takes the machine's share of the host, connects its adapters and starts its QEMU under its limits. What it took stays taken when it
 * fails: the caller releases it.
 * @throws AgentProblem `insufficient_memory`, QemuStartFailed, CommandFailed
 */
export async function launchMachine(host: MachineHost, launch: MachineLaunch): Promise<RunningQemu> {
  const { machineId, paths, hardware } = launch;
  const { vcpus, memoryMib, adapters } = hardware;
  const wanted = new Set(adapters.map(({ adapterId }) => adapterId));
  host.resources.take(machineId, { vcpus, memoryMib, cpu: launch.cpu });
  await host.network.disconnect(launch.oldAdapters.filter(({ adapterId }) => !wanted.has(adapterId)));
  await host.network.connect(adapters);
  makeFolders(paths, host.qemu);
  const hasSeed = existsSync(paths.seed);
  const args = commandLine({ machineId, accelerator: host.accelerator, hardware, paths, hasSeed, tapName });
  return await RunningQemu.launch({
    argv: [host.qemu.binary, ...args],
    user: host.qemu,
    qmpPath: paths.qmp,
    logFile: paths.qemuLog,
    listener: launch.listener,
    signal: launch.signal,
    onSpawn: (identity) => {
      launch.onSpawn(identity);
      host.resources.enter(machineId, identity.pid);
    },
  });
}
