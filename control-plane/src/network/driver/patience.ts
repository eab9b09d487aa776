import { setImmediate } from 'node:timers/promises';

const BATCH = 64;
const STRETCH_MS = 4;

/** Works through a long list without keeping the process from its other work for more than a few milliseconds at a time. */
export async function patientEach<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  let seen = 0;
  let since = performance.now();
  for (const item of items) {
    work(item);
    if (++seen % BATCH !== 0 || performance.now() - since < STRETCH_MS) continue;
    await setImmediate();
    since = performance.now();
  }
}

/** Filters a long list in the manner of {@link patientEach}. */
export async function patientFilter<T>(items: Iterable<T>, keep: (item: T) => boolean): Promise<T[]> {
  const kept: T[] = [];
  await patientEach(items, (item) => {
    if (keep(item)) kept.push(item);
  });
  return kept;
}
