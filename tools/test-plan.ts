/** Which test files there are and how they may run. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

interface TestPlan {
  /** May run beside others. */
  unit: string[];
  /** Real guests, whole regions, or `@serial` in the first lines: one after the other, after the others. */
  serial: string[];
}

const SERIAL_FOLDERS = ['test/e2e/', 'test/faults/', 'test/scale/'];

export function planTests(root: string): TestPlan {
  const files = globSync('**/*.test.ts', { cwd: root, exclude: ['**/node_modules/**'] }).toSorted();
  const isSerial = (file: string): boolean =>
    SERIAL_FOLDERS.some((folder) => file.startsWith(folder)) ||
    readFileSync(join(root, file), 'utf8').slice(0, 500).includes('@serial');
  return { unit: files.filter((file) => !isSerial(file)), serial: files.filter(isSerial) };
}

/** Calls `work` for every item, `width` at a time, in order of the list. */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  const queue = items.entries();
  const lane = async (): Promise<void> => {
    for (const [index, item] of queue) results[index] = await work(item);
  };
  await Promise.all(Array.from({ length: width }, lane));
  return results;
}
