import { stat, statfs } from 'node:fs/promises';
import { AgentProblem } from '#libs/agent-http/problem.ts';

/** Bytes an unprivileged user may still write on the file system of `folder`. */
export async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/** Bytes a file takes on the medium; 0 when there is none. */
export async function usedBytes(path: string): Promise<number> {
  try {
    // st_blocks counts 512 bytes whatever the file system's block is (stat(2)).
    return (await stat(path)).blocks * 512;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
    throw error;
  }
}

/** 507 `insufficient_space`. */
export function insufficientSpace(message: string): AgentProblem {
  return new AgentProblem(507, 'insufficient_space', message);
}

/** @throws AgentProblem 507 `insufficient_space` when less than `keptBack` bytes are free on the file system of `folder` */
export async function needRoom(folder: string, keptBack: number): Promise<void> {
  const free = await freeBytes(folder);
  if (free < keptBack) {
    throw insufficientSpace(`only ${free} bytes are free on the medium of the array; ${keptBack} are kept back`);
  }
}

/** Turns "no space left" of any system call within into 507 `insufficient_space`; other errors pass. */
export async function onMedium<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code !== 'ENOSPC' && code !== 'EDQUOT') throw error;
    throw insufficientSpace('the medium of the array is full');
  }
}
