import { open } from 'node:fs/promises';
import { run } from '#libs/process/run.ts';
import type { ImageCheck } from '../catalogue.ts';
import { diskInfo } from './qcow2.ts';

/** Checks that need no boot: the qcow2 is whole and points to no other file. */
export async function structuralChecks(image: string): Promise<ImageCheck[]> {
  return [await check('qcow2', () => qcow2IsWhole(image))];
}

/** Runs one check and records how it ended; a check never throws. */
export async function check(name: string, examine: () => Promise<string>): Promise<ImageCheck> {
  const at = new Date().toISOString();
  try {
    return { name, passed: true, at, detail: await examine() };
  } catch (error) {
    return { name, passed: false, at, detail: error instanceof Error ? error.message : String(error) };
  }
}

async function qcow2IsWhole(image: string): Promise<string> {
  const file = await open(image, 'r');
  try {
    const { buffer } = await file.read(Buffer.alloc(4), 0, 4, 0);
    if (buffer.toString('latin1') !== 'QFI\xfb') throw new Error('not a qcow2 file');
  } finally {
    await file.close();
  }
  const info = await diskInfo(image, 'qcow2');
  if (info.backingFile !== null) throw new Error(`it needs the backing file ${info.backingFile}`);
  if (info.dataFile !== null) throw new Error(`it needs the data file ${info.dataFile}`);
  if (info.encrypted) throw new Error('it is encrypted');
  await run(['qemu-img', 'check', '-q', '-f', 'qcow2', image], { timeoutMs: 600_000 });
  return 'qemu-img check finds no error; no backing file, no data file';
}
