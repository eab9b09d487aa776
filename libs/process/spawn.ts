import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, fchmodSync, mkdirSync, openSync } from 'node:fs';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { identify } from './identity.ts';
import type { ProcessIdentity } from './identity.ts';

/** What to start and as whom. No shell is involved. */
export interface SpawnDetachedOptions {
  readonly argv: readonly [string, ...string[]];
  /** Standard output and error are appended here (made when missing, mode 0640). */
  readonly logFile: string;
  readonly cwd?: string;
  /** The whole environment of the child; ours by default. */
  readonly env?: NodeJS.ProcessEnv;
  /** Needs root. */
  readonly uid?: number;
  readonly gid?: number;
}

/** A child in its own session: it survives us, a terminal's hang-up and our Ctrl-C. */
export interface DetachedProcess extends ProcessIdentity {
  /** For `exit` while we live; unref'd, so it keeps no process alive. */
  readonly child: ChildProcess;
}

/**
 * Starts a process that outlives us, its output in a log file.
 * @throws the system's error when it cannot be started (`ENOENT`, `EACCES`).
 */
export async function spawnDetached(options: SpawnDetachedOptions): Promise<DetachedProcess> {
  const [command, ...args] = options.argv;
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a', 0o640);
  try {
    fchmodSync(log, 0o640);
    const child = spawn(command, args, {
      detached: true,
      stdio: ['ignore', log, log],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.uid === undefined ? {} : { uid: options.uid }),
      ...(options.gid === undefined ? {} : { gid: options.gid }),
    });
    await once(child, 'spawn');
    child.unref();
    const pid = child.pid ?? 0;
    // A child that ended within the same turn has no start time any more; its pid still names it for the `exit` event.
    return { pid, startTime: identify(pid)?.startTime ?? 'ended', child };
  } finally {
    closeSync(log);
  }
}
