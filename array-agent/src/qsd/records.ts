import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { ImageSpec, PoolSpec } from '#contract/generated/agent-array.ts';

/** A pool as kept on disk. */
export type PoolRecord = { readonly id: string } & PoolSpec;

/** A volume as kept on disk; it exists from the moment this record does. */
export interface VolumeRecord {
  readonly id: string;
  readonly poolId: string;
  readonly sizeBytes: number;
  readonly imageId: string | null;
}

export interface ImageRecord {
  readonly id: string;
  readonly format: ImageSpec['format'];
  readonly sha256: string;
  readonly sizeBytes: number;
  readonly virtualSizeBytes: number;
}

export interface SnapshotRecord {
  readonly id: string;
  readonly volumeIds: readonly string[];
  readonly createdAt: string;
  /** False while it is being taken: such a snapshot may be on some volumes only and is removed at the next start. */
  readonly taken: boolean;
  /** Bytes each volume had on the medium when it was taken. */
  readonly usedBytesBefore: Readonly<Record<string, number>>;
}

/** Replaces a JSON file durably: a crash or a full disk leaves the old content or the new one, never half of it. */
export async function saveRecord(path: string, record: object): Promise<void> {
  const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(record)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
  } catch (cause) {
    await rm(draft, { force: true });
    throw cause;
  }
  await syncFolder(dirname(path));
}

/** Removes a record durably. */
export async function removeRecord(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

/** Every `*.json` of a folder (made when missing), drafts of a crash swept away. */
export async function loadRecords<T>(folder: string): Promise<T[]> {
  await mkdir(folder, { recursive: true, mode: 0o711 });
  const records: T[] = [];
  for (const name of await readdir(folder)) {
    if (name.endsWith('.tmp')) await rm(join(folder, name), { force: true });
    else if (name.endsWith('.json')) records.push(JSON.parse(await readFile(join(folder, name), 'utf8')) as T);
  }
  return records;
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
