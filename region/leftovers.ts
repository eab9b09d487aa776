import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { identify } from '#libs/process/identity.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';

/** A process that the region's agents started and that outlives them. */
export interface Leftover extends ProcessIdentity {
  readonly program: string;
  readonly argv: readonly string[];
}

const programs = new Set(['qemu-system-x86_64', 'qemu-system-aarch64', 'qemu-storage-daemon']);

/** QEMUs and storage daemons whose command line names a file of this state folder: nobody else's can. */
export function findLeftovers(stateDir: string): Leftover[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc').flatMap((entry): Leftover[] => {
    if (!/^\d+$/.test(entry)) return [];
    const argv = argvOf(entry);
    const program = basename(argv[0] ?? '');
    // A path of the folder may stand inside an option: file=/var/lib/bastide/…,if=none.
    if (!programs.has(program) || !argv.some((argument) => argument.includes(`${stateDir}/`))) return [];
    const identity = identify(Number(entry));
    return identity ? [{ ...identity, program, argv }] : [];
  });
}

function argvOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // Ended meanwhile.
    return [];
  }
}
