import { readdirSync, readFileSync } from 'node:fs';
import { identify } from '#libs/process/identity.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';

/**
 * The QEMU processes of one host by machine id: those whose command line has a monitor below the host's run folder. Finds also one whose
 * start was not written down because the agent was killed at that moment.
 */
export function findQemus(runDir: string): Map<string, ProcessIdentity> {
  const found = new Map<string, ProcessIdentity>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const args = commandLineOf(name);
    const machineId = args[args.indexOf('-uuid') + 1];
    if (machineId === undefined || !args.includes('-uuid')) continue;
    const isOurs = args.some((arg) => arg.startsWith(`socket,id=monitor,path=${runDir.replaceAll(',', ',,')}/m/`));
    const identity = isOurs ? identify(Number(name)) : null;
    if (identity !== null) found.set(machineId, identity);
  }
  return found;
}

function commandLineOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    // It ended while we looked.
    return [];
  }
}
