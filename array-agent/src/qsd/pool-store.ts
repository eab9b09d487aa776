import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PoolSpec } from '#contract/generated/agent-array.ts';
import { AgentProblem, notFound } from '#libs/agent-http/problem.ts';
import { checkPoolChange } from './accounting.ts';
import { onMedium } from './medium.ts';
import { Pool } from './pool.ts';
import type { PoolOptions } from './pool.ts';
import type { PoolRecord, VolumeRecord } from './records.ts';

export interface PoolStoreOptions extends Omit<PoolOptions, 'record'> {
  /** What the pools may promise together. */
  readonly capacityBytes: number;
}

/** The pools of an array. The caller runs changes of the set of pools one at a time. */
export class PoolStore {
  readonly #options: PoolStoreOptions;
  readonly #pools = new Map<string, Pool>();

  constructor(options: PoolStoreOptions) {
    this.#options = options;
  }

  /** Reads the records and adopts or starts every daemon; one that cannot be served is told by its `failure`. */
  async load(): Promise<void> {
    const { paths, log } = this.#options;
    await mkdir(paths.pools, { recursive: true, mode: 0o711 });
    for (const name of await readdir(paths.pools)) {
      const text = await readFile(join(paths.pool(name), 'pool.json'), 'utf8').catch(() => undefined);
      if (text === undefined) {
        // A folder without its record is a pool whose making or deletion was cut short; it never held a volume.
        await rm(paths.pool(name), { recursive: true, force: true });
        continue;
      }
      const pool = this.#make(JSON.parse(text) as PoolRecord);
      await pool.load();
      this.#pools.set(pool.record.id, pool);
    }
    const start = (pool: Pool): Promise<void> =>
      pool.daemon.start().catch((error: unknown) => {
        log.error({ err: error, poolId: pool.record.id }, 'the pool cannot be served');
      });
    await Promise.all(this.all().map(start));
  }

  all(): Pool[] {
    return [...this.#pools.values()];
  }

  /** @throws AgentProblem 404 `not_found` */
  get(poolId: string): Pool {
    const pool = this.#pools.get(poolId);
    if (pool === undefined) throw notFound(`pool ${poolId}`);
    return pool;
  }

  /** The pool that holds a volume; undefined when there is no such volume. */
  ofVolume(volumeId: string): Pool | undefined {
    return this.all().find((pool) => pool.volumes.has(volumeId));
  }

  volumes(): VolumeRecord[] {
    return this.all().flatMap((pool) => [...pool.volumes.values()]);
  }

  /** @throws AgentProblem `immutable`, `pool_in_use`, `insufficient_space` */
  async put(poolId: string, spec: PoolSpec): Promise<Pool> {
    const current = this.#pools.get(poolId);
    const promised = this.all().reduce((sum, pool) => sum + pool.record.sizeBytes, 0);
    checkPoolChange({
      spec,
      current: current && { spec: current.record, allocatedBytes: current.account.allocatedBytes },
      otherPoolsBytes: promised - (current?.record.sizeBytes ?? 0),
      capacityBytes: this.#options.capacityBytes,
    });
    const record = { id: poolId, ...spec };
    if (current !== undefined) {
      await onMedium(() => current.save(record));
      await current.applyLimits();
      return current;
    }
    const pool = this.#make(record);
    await onMedium(() => pool.save(record));
    this.#pools.set(poolId, pool);
    try {
      await pool.daemon.start();
      return pool;
    } catch (error) {
      await this.#remove(pool);
      throw error;
    }
  }

  /** @throws AgentProblem 409 `pool_in_use` */
  async delete(poolId: string): Promise<void> {
    const pool = this.#pools.get(poolId);
    if (pool === undefined) return;
    if (pool.account.volumeCount > 0) {
      throw new AgentProblem(409, 'pool_in_use', `the pool holds ${pool.account.volumeCount} volumes`);
    }
    await this.#remove(pool);
  }

  async #remove(pool: Pool): Promise<void> {
    const { id } = pool.record;
    // First of all, so that nobody makes a volume in it meanwhile.
    this.#pools.delete(id);
    try {
      await pool.daemon.stop();
      await rm(this.#options.paths.pool(id), { recursive: true, force: true });
    } catch (error) {
      this.#pools.set(id, pool);
      throw error;
    }
    await this.#options.keys.destroy(id);
  }

  #make(record: PoolRecord): Pool {
    return new Pool({ ...this.#options, record });
  }
}
