import { readFileSync, realpathSync } from 'node:fs';
import { run } from './run.ts';

/** Mount points below a folder (not the folder itself), as this process sees them, in the order they were mounted. */
export function mountsBelow(folder: string): string[] {
  if (process.platform !== 'linux') return [];
  const root = realpathSync(folder).replace(/\/$/, '');
  const points = parseMountPoints(readFileSync('/proc/self/mountinfo', 'utf8'));
  return points.filter((point) => point.startsWith(`${root}/`) && point !== '/');
}

/** Mount points of a mountinfo file (proc_pid_mountinfo(5)): the fifth field, with spaces and the like in octal. */
export function parseMountPoints(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const point = line.split(' ')[4];
    if (point === undefined) return [];
    return [point.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCodePoint(Number.parseInt(octal, 8)))];
  });
}

/** Detaches everything that is mounted below a folder, the latest first: then a removal of the folder removes only what lies in it. */
export async function unmountBelow(folder: string): Promise<void> {
  for (const point of mountsBelow(folder).toReversed()) await run(['umount', '--lazy', point]);
}
