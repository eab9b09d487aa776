import { link, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { identify } from '#libs/process/identity.ts';
import { readLivePid } from '#libs/process/pid-file.ts';
import { waitFor } from '#libs/process/wait.ts';

/**
 * Runs `work` while holding a lock file that other processes respect. A lock whose holder is gone is taken over:
 * the file names the holder's pid and start time.
 */
export async function withLock<T>(file: string, timeoutMs: number, work: () => Promise<T>): Promise<T> {
  const own = identify(process.pid);
  if (own === null) throw new Error('this process cannot find itself in the process table');
  await mkdir(path.dirname(file), { recursive: true });
  const draft = `${file}.${process.pid}.${crypto.randomUUID()}`;
  await writeFile(draft, `${own.pid} ${own.startTime}\n`);
  try {
    await waitFor(() => tryLock(draft, file), { what: `the lock ${file}`, timeoutMs, intervalMs: 100 });
  } finally {
    await rm(draft, { force: true });
  }
  try {
    return await work();
  } finally {
    await rm(file, { force: true });
  }
}

async function tryLock(draft: string, file: string): Promise<boolean> {
  try {
    // link(2) fails when the name is taken and shows the holder's identity at once: no empty lock file is ever seen.
    await link(draft, file);
    return true;
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  }
  if (readLivePid(file) === null) await takeAway(file, `${draft}.stale`);
  return false;
}

/** Removes a dead holder's lock. Another contender may have replaced it since it was read: then it is put back. */
async function takeAway(file: string, aside: string): Promise<void> {
  const moved = await rename(file, aside).then(
    () => true,
    () => false,
  );
  if (!moved) return;
  if (readLivePid(aside) !== null) await link(aside, file).catch(() => undefined);
  await rm(aside, { force: true });
}
