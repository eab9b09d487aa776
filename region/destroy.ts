import { rmSync } from 'node:fs';
import { createInterface } from 'node:readline/promises';
import { cgroupRoot, removeCgroups } from './cgroups.ts';
import { mountsBelow } from '#libs/process/mounts.ts';
import { down } from './down.ts';
import { StatePaths } from './paths.ts';
import { readState } from './state.ts';

/**
 * Stops a region and removes its state folder: every disk, the database, the keys. Asks first unless told not to.
 * Answers whether it was done. System users and Debian packages stay.
 */
export async function destroy(options: { readonly stateDir: string; readonly yes: boolean }): Promise<boolean> {
  const paths = new StatePaths(options.stateDir);
  // Never remove a folder that is not one of ours, whatever --state says.
  const state = readState(paths);
  if (!state) throw new Error(`there is no region in ${paths.root}`);
  if (!options.yes && !(await confirm(paths.root))) return false;
  refuseMounts(paths.root);
  await down({ stateDir: paths.root, keepGuests: false, guestGraceMs: 0 });
  if (!state.simulated) removeCgroups(cgroupRoot(state.tag));
  // Once more: it may have happened meanwhile.
  refuseMounts(paths.root);
  rmSync(paths.root, { recursive: true, force: true });
  return true;
}

/** A removal does not stop at a mount point: what is mounted inside the folder would be emptied with it. */
function refuseMounts(root: string): void {
  const mounts = mountsBelow(root);
  if (mounts.length > 0)
    throw new Error(`${mounts.join(', ')}: mounted inside ${root}; unmount it first, or it would be emptied too`);
}

async function confirm(folder: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new Error('destroy removes every disk and the database: confirm with --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `This removes ${folder} with every disk, the database and the keys. Type "destroy" to go on: `,
    );
    return answer.trim() === 'destroy';
  } finally {
    terminal.close();
  }
}
