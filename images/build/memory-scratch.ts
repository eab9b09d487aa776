import { readlinkSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { run } from '#libs/process/run.ts';

const sizeGib = 3;
/** What a build leaves to the rest of the machine at the least, beside what it takes. */
const reserveGib = 1;

/**
 * A folder in memory below `scratch` for the package tree and the raw disk, where that is safe and there is room: dpkg calls
 * fsync for every package and tens of thousands of small files are written once and thrown away. Else `scratch` itself.
 * Whoever removes `scratch` unmounts what is below it first.
 */
export async function memoryScratch(scratch: string): Promise<string> {
  if (!ownMountNamespace() || process.availableMemory() < (sizeGib + reserveGib) * 1024 ** 3) return scratch;
  const folder = path.join(scratch, 'memory');
  await mkdir(folder);
  await run(['mount', '-t', 'tmpfs', '-o', `mode=0755,size=${sizeGib}G`, 'bastide-build', folder]);
  return folder;
}

/** Whether this process was started in a mount namespace of its own: then its mounts go away with it, even if it is killed. */
function ownMountNamespace(): boolean {
  try {
    return readlinkSync('/proc/self/ns/mnt') !== readlinkSync(`/proc/${process.ppid}/ns/mnt`);
  } catch {
    return false;
  }
}
