import { existsSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';

/** The group that holds those of a region's guests, in every hierarchy. */
export function cgroupRoot(tag: string): string {
  return `bastide-${tag}`;
}

/** Removes a group and those below it in every mounted hierarchy. @throws the system's error (EBUSY) while a process is in one */
export function removeCgroups(root: string): void {
  if (process.platform !== 'linux') return;
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  for (const mount of mounts) {
    const [, folder = '', type] = mount.split(' ');
    if (type === 'cgroup' || type === 'cgroup2') removeGroup(join(folder, root));
  }
}

function removeGroup(folder: string): void {
  if (!existsSync(folder)) return;
  // The files in it are the kernel's and go with it.
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeGroup(join(folder, entry.name));
  rmdirSync(folder);
}
