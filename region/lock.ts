import { linkSync, rmSync } from 'node:fs';
import { identify } from '#libs/process/identity.ts';
import { readLivePid, writePidFile } from '#libs/process/pid-file.ts';

/** Another command is at work on the same state folder. */
export class Locked extends Error {
  override name = 'Locked';
}

/**
 * Runs `work` as the only one that holds this lock file on the machine. A lock whose holder has died is taken over.
 * @throws Locked naming the holder's process
 */
export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  take(path);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

function take(path: string): void {
  const self = identify(process.pid);
  if (!self) throw new Error('this process has no start time');
  const mine = `${path}.${process.pid}`;
  writePidFile(mine, self);
  try {
    for (let attempt = 0; attempt < 3; attempt += 1) {
      try {
        // A link either appears whole or fails: two that take it at once cannot both succeed.
        linkSync(mine, path);
        return;
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
      }
      const holder = readLivePid(path);
      if (holder) throw new Locked(`process ${holder.pid} is at work on this state folder (${path}): wait for it`);
      rmSync(path, { force: true });
    }
    throw new Locked(`cannot take ${path}`);
  } finally {
    rmSync(mine, { force: true });
  }
}
