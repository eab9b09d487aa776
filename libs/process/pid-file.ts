import { rmSync } from 'node:fs';
import { readIfPresent, writeFileAtomic } from './atomic-file.ts';
import { identify, isAlive } from './identity.ts';
import type { ProcessIdentity } from './identity.ts';

/** Remembers a process in a file: one line, `<pid> <start time>`. */
export function writePidFile(path: string, identity: ProcessIdentity): void {
  writeFileAtomic(path, `${identity.pid} ${identity.startTime}\n`);
}

/**
 * The process of a pid file when it still is that process, else `null` (no file, ended, or the number was given to another one).
 * A file with a bare number, as other daemons write them, is believed when such a process runs.
 */
export function readLivePid(path: string): ProcessIdentity | null {
  const match = /^(\d+)(?: (\S.*))?\s*$/.exec(readIfPresent(path) ?? '');
  if (!match) return null;
  const pid = Number(match[1]);
  if (match[2] === undefined) return identify(pid);
  const identity = { pid, startTime: match[2].trim() };
  return isAlive(identity) ? identity : null;
}

/** Forgets a pid file. */
export function removePidFile(path: string): void {
  rmSync(path, { force: true });
}
