import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Snapshot } from '#contract/generated/agent-array.ts';
import { AgentProblem, notFound } from '#libs/agent-http/problem.ts';
import { KeyedLock } from '#libs/concurrency/keyed-lock.ts';
import { dropSnapshot, snapshotNames, takeSnapshot } from './exports.ts';
import { usedBytes } from './medium.ts';
import type { Pool } from './pool.ts';
import { loadRecords, removeRecord, saveRecord } from './records.ts';
import type { SnapshotRecord } from './records.ts';

/** Snapshots over several volumes, kept inside the volumes' own files under the snapshot's id. */
export class SnapshotStore {
  readonly #folder: string;
  readonly #poolOf: (volumeId: string) => Pool | undefined;
  readonly #snapshots = new Map<string, SnapshotRecord>();
  readonly #leaving = new KeyedLock();

  constructor(folder: string, poolOf: (volumeId: string) => Pool | undefined) {
    this.#folder = folder;
    this.#poolOf = poolOf;
  }

  /** Reads the records; what a crash cut short is finished: a snapshot is removed from the volumes it had reached. */
  async load(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    for (const record of await loadRecords<SnapshotRecord>(this.#folder)) this.#snapshots.set(record.id, record);
    for (const record of [...this.#snapshots.values()]) if (!record.taken) await this.delete(record.id);
    // A volume whose deletion was cut short after its own record had gone.
    const gone = [...this.#snapshots.values()]
      .flatMap(({ volumeIds }) => volumeIds)
      .filter((id) => this.#poolOf(id) === undefined);
    for (const volumeId of new Set(gone)) await this.forgetVolume(volumeId);
  }

  /** The snapshots of a volume, oldest first. */
  of(volumeId: string): string[] {
    return this.#ofVolume(volumeId).map(({ id }) => id);
  }

  volumesOf(snapshotId: string): readonly string[] {
    return this.#snapshots.get(snapshotId)?.volumeIds ?? [];
  }

  async list(): Promise<Snapshot[]> {
    const taken = [...this.#snapshots.values()].filter((record) => record.taken);
    return await Promise.all(taken.map((record) => this.#state(record)));
  }

  /** @throws AgentProblem 404 `not_found` */
  async get(snapshotId: string): Promise<Snapshot> {
    const record = this.#snapshots.get(snapshotId);
    if (record?.taken !== true) throw notFound(`snapshot ${snapshotId}`);
    return await this.#state(record);
  }

  /** The caller holds the locks of the snapshot and of all its volumes. */
  async put(snapshotId: string, volumeIds: readonly string[]): Promise<Snapshot> {
    const ids = [...new Set(volumeIds)];
    const present = this.#snapshots.get(snapshotId);
    if (present !== undefined) {
      if (present.volumeIds.length !== ids.length || !ids.every((id) => present.volumeIds.includes(id))) {
        throw new AgentProblem(409, 'immutable', `snapshot ${snapshotId} is of other volumes`);
      }
      if (present.taken) return await this.#state(present);
    }
    const byPool = new Map<Pool, string[]>();
    for (const id of ids) {
      const pool = this.#poolOf(id);
      if (pool === undefined) throw notFound(`volume ${id}`);
      byPool.set(pool, [...(byPool.get(pool) ?? []), id]);
    }
    const draft: SnapshotRecord = {
      id: snapshotId,
      volumeIds: ids,
      createdAt: new Date().toISOString(),
      taken: false,
      usedBytesBefore: Object.fromEntries(
        await Promise.all(ids.map(async (id) => [id, await this.#used(id)] as const)),
      ),
    };
    await this.#save(draft);
    try {
      for (const [pool, of] of byPool) await take(pool, of, snapshotId);
    } catch (error) {
      await this.delete(snapshotId);
      throw error;
    }
    await this.#save({ ...draft, taken: true });
    return await this.get(snapshotId);
  }

  async delete(snapshotId: string): Promise<void> {
    const record = this.#snapshots.get(snapshotId);
    if (record === undefined) return;
    for (const volumeId of record.volumeIds) {
      await this.#poolOf(volumeId)?.daemon.run((qmp) => dropSnapshot(qmp, volumeId, snapshotId));
    }
    await removeRecord(this.#file(snapshotId));
    this.#snapshots.delete(snapshotId);
  }

  /** Takes a deleted volume out of its snapshots; a snapshot without volumes goes. */
  async forgetVolume(volumeId: string): Promise<void> {
    for (const { id } of this.#ofVolume(volumeId)) {
      // Volumes of one machine go at the same time, and each must see what the other left.
      await this.#leaving.run(id, async () => {
        const record = this.#snapshots.get(id);
        if (record === undefined) return;
        const volumeIds = record.volumeIds.filter((other) => other !== volumeId);
        if (volumeIds.length > 0) await this.#save({ ...record, volumeIds });
        else await this.delete(id);
      });
    }
  }

  #ofVolume(volumeId: string): SnapshotRecord[] {
    return [...this.#snapshots.values()]
      .filter((record) => record.taken && record.volumeIds.includes(volumeId))
      .toSorted((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
  }

  /**
   * SNP-03: what a snapshot costs is what the medium holds more since it was taken, up to the next one: clusters that
   * were overwritten and had to be kept.
   */
  async #state(record: SnapshotRecord): Promise<Snapshot> {
    let sum = 0;
    for (const volumeId of record.volumeIds) {
      const line = this.#ofVolume(volumeId);
      const next = line[line.findIndex(({ id }) => id === record.id) + 1];
      const after = next?.usedBytesBefore[volumeId] ?? (await this.#used(volumeId));
      sum += Math.max(0, after - (record.usedBytesBefore[volumeId] ?? 0));
    }
    return { id: record.id, volumeIds: [...record.volumeIds], createdAt: record.createdAt, usedBytes: sum };
  }

  async #used(volumeId: string): Promise<number> {
    const pool = this.#poolOf(volumeId);
    return pool === undefined ? 0 : await usedBytes(pool.volumeFile(volumeId));
  }

  async #save(record: SnapshotRecord): Promise<void> {
    await saveRecord(this.#file(record.id), record);
    this.#snapshots.set(record.id, record);
  }

  #file(snapshotId: string): string {
    return join(this.#folder, `${snapshotId}.json`);
  }
}

/** One transaction; after a daemon's death in its midst, those volumes that have it are freed of it first. */
async function take(pool: Pool, volumeIds: readonly string[], name: string): Promise<void> {
  let again = false;
  await pool.daemon.run(async (qmp) => {
    if (again) {
      for (const id of volumeIds) if ((await snapshotNames(qmp, id)).includes(name)) await dropSnapshot(qmp, id, name);
    }
    again = true;
    await takeSnapshot(qmp, volumeIds, name);
  });
}
