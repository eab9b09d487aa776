import { copyFileSync, existsSync, readdirSync, renameSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';

/** When a log is put away and how many old ones stay. */
export interface RotationOptions {
  readonly bytesMax: number;
  readonly keep: number;
}

/**
 * Puts away every `*.log` in a folder that has grown too big: `x.log` → `x.log.1` → `x.log.2`… It copies and truncates, because
 * the writers hold the file open (in append mode) and know nothing of us; lines written in between are lost.
 */
export function rotateLogs(folder: string, options: RotationOptions): readonly string[] {
  const rotated = readdirSync(folder).filter(
    (name) => name.endsWith('.log') && statSync(join(folder, name)).size > options.bytesMax,
  );
  for (const name of rotated) {
    const path = join(folder, name);
    for (let age = options.keep - 1; age >= 1; age -= 1) {
      if (existsSync(`${path}.${age}`)) renameSync(`${path}.${age}`, `${path}.${age + 1}`);
    }
    copyFileSync(path, `${path}.1`);
    truncateSync(path, 0);
  }
  return rotated;
}
