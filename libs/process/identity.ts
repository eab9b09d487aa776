import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/**
 * A process that cannot be mistaken for a later one with the same number: `startTime` is the kernel's start tick of the
 * process prefixed with the boot id (Linux), or the start date printed by `ps` (elsewhere).
 */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

let bootId: string | undefined;

/** Identity of a running process, or `null` when there is none or it is a zombie. */
export function identify(pid: number): ProcessIdentity | null {
  const startTime = process.platform === 'linux' ? linuxStartTime(pid) : portableStartTime(pid);
  return startTime === null ? null : { pid, startTime };
}

/** Whether exactly this process still runs (zombies do not). */
export function isAlive(identity: ProcessIdentity): boolean {
  return identify(identity.pid)?.startTime === identity.startTime;
}

function linuxStartTime(pid: number): string | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The command name may hold spaces and parentheses; fields are counted from the last closing one (proc(5): state is 3, starttime 22).
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  if (fields[0] === 'Z' || fields[0] === 'X') return null;
  bootId ??= readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8);
  return `${bootId}-${fields[19]}`;
}

function portableStartTime(pid: number): string | null {
  try {
    const line = execFileSync('ps', ['-o', 'stat=,lstart=', '-p', String(pid)], {
      encoding: 'utf8',
      timeout: 5_000,
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
    if (line === '' || line.startsWith('Z')) return null;
    return line.replace(/^\S+\s+/, '').replaceAll(/\s+/g, ' ');
  } catch {
    return null;
  }
}
