import { join } from 'node:path';

/** Where everything of one machine lies. Sockets have a folder of their own: their paths must stay below 108 bytes (unix(7)). */
export interface MachinePaths {
  /** Root's; QEMU's group may pass through. */
  readonly folder: string;
  readonly spec: string;
  readonly record: string;
  /** QEMU's own sub-folder: the only place of the state folder that it may write to. */
  readonly guestFolder: string;
  readonly seed: string;
  readonly serialLog: string;
  /** QEMU's standard error since its last start. */
  readonly qemuLog: string;
  readonly runFolder: string;
  readonly qmp: string;
  readonly qga: string;
  readonly vnc: string;
  readonly serial: string;
}

/** Paths of a machine below a host's state and run folders. */
export function machinePaths(machineId: string, roots: { stateDir: string; runDir: string }): MachinePaths {
  const folder = join(roots.stateDir, 'machines', machineId);
  const guestFolder = join(folder, 'guest');
  // The tail of a UUID v7 is random, its head is the time and shared by machines made together.
  const runFolder = join(roots.runDir, 'm', machineId.slice(-12));
  return {
    folder,
    spec: join(folder, 'spec.json'),
    record: join(folder, 'record.json'),
    guestFolder,
    seed: join(guestFolder, 'seed.iso'),
    serialLog: join(guestFolder, 'serial.log'),
    qemuLog: join(folder, 'qemu.log'),
    runFolder,
    qmp: join(runFolder, 'qmp'),
    qga: join(runFolder, 'qga'),
    vnc: join(runFolder, 'vnc'),
    serial: join(runFolder, 'serial'),
  };
}
