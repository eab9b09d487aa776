import { setTimeout as delay } from 'node:timers/promises';
import type {
  Array as StorageArray,
  Image,
  ImageSpec,
  Pool,
  PoolSpec,
  Snapshot,
  Volume,
  VolumeSpec,
} from '#contract/generated/agent-array.ts';
import { AgentProblem, notFound } from '#libs/agent-http/problem.ts';
import { drawLatency } from '#libs/simulation/latency.ts';
import type { LatencyRange } from '#libs/simulation/latency.ts';
import type { ArrayDriver } from '../driver.ts';
import type { ImageRecord, PoolRecord, SnapshotRecord, VolumeRecord } from './array-records.ts';
import { showPool, showSnapshot, showVolume, snapshotBytesPerVolume } from './array-records.ts';
import { insufficient, refuseOtherVolume, refusePoolChange, refuseSmallerThan, sameMembers } from './array-rules.ts';
import { measureImage } from './image-file.ts';
import type { SimulatedArrayOptions } from './options.ts';

/**
 * An array whose pools and volumes are rows in memory. It keeps the rules of the contract: sizes count at once, nothing
 * is promised twice (STO-13), volumes never shrink, images in use stay. Every check and the change that follows it run
 * in one turn of the event loop, after the simulated wait; so parallel calls cannot oversell.
 */
export class SimulatedArray implements ArrayDriver {
  readonly #options: SimulatedArrayOptions;
  readonly #pools = new Map<string, PoolRecord>();
  readonly #images = new Map<string, ImageRecord>();
  readonly #volumes = new Map<string, VolumeRecord>();
  readonly #snapshots = new Map<string, SnapshotRecord>();
  readonly #bornAt: number;

  constructor(options: SimulatedArrayOptions) {
    this.#options = options;
    this.#bornAt = options.now();
  }

  /** Takes back one remembered fact; to be called before the array serves. */
  restore(kind: string, id: string, value: unknown): void {
    const table = this.#tables()[kind];
    if (table === undefined) return;
    if (value === null) table.delete(id);
    else table.set(id, value);
  }

  /** After the last `restore`: counts again what volumes and snapshots take up. */
  resume(): void {
    for (const pool of this.#pools.values()) {
      pool.allocatedBytes = 0;
      pool.usedBytes = 0;
      pool.volumeCount = 0;
    }
    for (const image of this.#images.values()) image.volumeCount = 0;
    for (const volume of this.#volumes.values()) this.#count(volume, volume.sizeBytes, 1);
    for (const volume of this.#volumes.values()) this.#countSnapshot(volume.poolId, volume.snapshotIds?.length ?? 0);
  }

  /** What a new journal has to hold. */
  *facts(): Generator<{ kind: string; id: string; value: unknown }> {
    for (const [kind, table] of Object.entries(this.#tables())) {
      for (const [id, value] of table) yield { kind, id, value };
    }
  }

  array(): Promise<StorageArray> {
    const { id, name, capacityBytes } = this.#options;
    let used = 0;
    for (const pool of this.#pools.values()) used += pool.usedBytes;
    return Promise.resolve({
      id,
      name,
      version: '0.1.0',
      driver: 'simulated',
      capacityBytes,
      freeBytes: capacityBytes - used,
      startedAt: new Date(this.#bornAt).toISOString(),
      healthy: true,
      problems: [],
    });
  }

  listPools(): Promise<Pool[]> {
    return Promise.resolve([...this.#pools.values()].map(showPool));
  }

  async getPool(poolId: string): Promise<Pool> {
    return showPool(this.#existingPool(poolId));
  }

  async putPool(poolId: string, spec: PoolSpec): Promise<Pool> {
    const known = this.#pools.get(poolId);
    if (known !== undefined) refusePoolChange(known, spec);
    const others = [...this.#pools.values()].filter((pool) => pool.id !== poolId);
    const free = others.reduce((left, pool) => left - pool.spec.sizeBytes, this.#options.capacityBytes);
    if (spec.sizeBytes > free) throw insufficient(`array ${this.#options.name}`, free, spec.sizeBytes);
    const pool = known ?? { id: poolId, spec, allocatedBytes: 0, usedBytes: 0, volumeCount: 0 };
    pool.spec = spec;
    this.#pools.set(poolId, pool);
    this.#remember('pool', poolId, pool);
    return showPool(pool);
  }

  async deletePool(poolId: string): Promise<void> {
    const pool = this.#pools.get(poolId);
    if (pool === undefined) return;
    if (pool.volumeCount > 0) {
      throw new AgentProblem(409, 'pool_in_use', `pool ${poolId} still holds ${pool.volumeCount} volumes`);
    }
    this.#pools.delete(poolId);
    this.#remember('pool', poolId, null);
  }

  async putImage(imageId: string, spec: ImageSpec): Promise<Image> {
    const known = this.#images.get(imageId);
    if (known !== undefined) {
      if (known.sha256 === spec.sha256) return showImage(known);
      throw new AgentProblem(409, 'immutable', `image ${imageId} is at hand with another content`);
    }
    const sizes = await measureImage(spec);
    await this.#takes(this.#options.latency.imageMs);
    const image = this.#images.get(imageId) ?? { id: imageId, sha256: spec.sha256, ...sizes, volumeCount: 0 };
    this.#images.set(imageId, image);
    this.#remember('image', imageId, image);
    return showImage(image);
  }

  async deleteImage(imageId: string): Promise<void> {
    const image = this.#images.get(imageId);
    if (image === undefined) return;
    if (image.volumeCount > 0) {
      throw new AgentProblem(409, 'image_in_use', `${image.volumeCount} volumes are based on image ${imageId}`);
    }
    this.#images.delete(imageId);
    this.#remember('image', imageId, null);
  }

  listVolumes(): Promise<Volume[]> {
    return Promise.resolve([...this.#volumes.values()].map(showVolume));
  }

  async getVolume(volumeId: string): Promise<Volume> {
    return showVolume(this.#existingVolume(volumeId));
  }

  async putVolume(volumeId: string, spec: VolumeSpec): Promise<Volume> {
    const before = this.#volumes.get(volumeId);
    if (before?.sizeBytes !== spec.sizeBytes) await this.#takes(this.#options.latency.volumeChangeMs);
    const pool = this.#existingPool(spec.poolId);
    const known = this.#volumes.get(volumeId);
    if (known !== undefined) refuseOtherVolume(known, spec);
    const image = this.#imageOf(spec);
    const growth = spec.sizeBytes - (known?.sizeBytes ?? 0);
    const free = pool.spec.sizeBytes - pool.allocatedBytes;
    if (growth > free) throw insufficient(`pool ${pool.id}`, free, growth);
    const volume = known ?? {
      id: volumeId,
      poolId: pool.id,
      sizeBytes: spec.sizeBytes,
      imageId: image?.id ?? null,
      snapshotIds: null,
    };
    volume.sizeBytes = spec.sizeBytes;
    this.#volumes.set(volumeId, volume);
    this.#count(volume, growth, known === undefined ? 1 : 0);
    if (growth > 0) this.#remember('volume', volumeId, volume);
    return showVolume(volume);
  }

  async deleteVolume(volumeId: string): Promise<void> {
    if (this.#volumes.has(volumeId)) await this.#takes(this.#options.latency.volumeDeleteMs);
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) return;
    for (const snapshotId of volume.snapshotIds ?? []) this.#forgetInSnapshot(snapshotId, volumeId);
    this.#volumes.delete(volumeId);
    this.#count(volume, -volume.sizeBytes, -1);
    this.#remember('volume', volumeId, null);
  }

  async putSnapshot(snapshotId: string, volumeIds: readonly string[]): Promise<Snapshot> {
    if (!this.#snapshots.has(snapshotId)) await this.#takes(this.#options.latency.snapshotMs);
    const known = this.#snapshots.get(snapshotId);
    if (known !== undefined) {
      if (sameMembers(known.asked, volumeIds)) return showSnapshot(known);
      throw new AgentProblem(409, 'immutable', `snapshot ${snapshotId} was taken of other volumes`);
    }
    const volumes = volumeIds.map((volumeId) => this.#existingVolume(volumeId));
    const snapshot: SnapshotRecord = {
      id: snapshotId,
      asked: [...volumeIds],
      volumeIds: [...volumeIds],
      createdAt: this.#options.now(),
      usedBytes: snapshotBytesPerVolume * volumeIds.length,
    };
    this.#snapshots.set(snapshotId, snapshot);
    this.#remember('snapshot', snapshotId, snapshot);
    for (const volume of volumes) {
      this.#countSnapshot(volume.poolId, 1);
      volume.snapshotIds = [...(volume.snapshotIds ?? []), snapshotId];
      this.#remember('volume', volume.id, volume);
    }
    return showSnapshot(snapshot);
  }

  listSnapshots(): Promise<Snapshot[]> {
    return Promise.resolve([...this.#snapshots.values()].map(showSnapshot));
  }

  async getSnapshot(snapshotId: string): Promise<Snapshot> {
    const snapshot = this.#snapshots.get(snapshotId);
    if (snapshot === undefined) throw notFound(`snapshot ${snapshotId}`);
    return showSnapshot(snapshot);
  }

  async deleteSnapshot(snapshotId: string): Promise<void> {
    if (this.#snapshots.has(snapshotId)) await this.#takes(this.#options.latency.snapshotMs);
    const snapshot = this.#snapshots.get(snapshotId);
    if (snapshot === undefined) return;
    for (const volumeId of snapshot.volumeIds) {
      const volume = this.#volumes.get(volumeId);
      if (volume === undefined) continue;
      this.#countSnapshot(volume.poolId, -1);
      const left = (volume.snapshotIds ?? []).filter((id) => id !== snapshotId);
      volume.snapshotIds = left.length === 0 ? null : left;
      this.#remember('volume', volumeId, volume);
    }
    this.#snapshots.delete(snapshotId);
    this.#remember('snapshot', snapshotId, null);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #tables(): Record<string, Map<string, unknown>> {
    return { pool: this.#pools, image: this.#images, volume: this.#volumes, snapshot: this.#snapshots };
  }

  #existingPool(poolId: string): PoolRecord {
    const pool = this.#pools.get(poolId);
    if (pool === undefined) throw notFound(`pool ${poolId}`);
    return pool;
  }

  #existingVolume(volumeId: string): VolumeRecord {
    const volume = this.#volumes.get(volumeId);
    if (volume === undefined) throw notFound(`volume ${volumeId}`);
    return volume;
  }

  #imageOf({ imageId, sizeBytes }: VolumeSpec): ImageRecord | null {
    if (imageId === undefined || imageId === null) return null;
    const image = this.#images.get(imageId);
    if (image === undefined) throw notFound(`image ${imageId}`);
    refuseSmallerThan(image, sizeBytes);
    return image;
  }

  #forgetInSnapshot(snapshotId: string, volumeId: string): void {
    const snapshot = this.#snapshots.get(snapshotId);
    if (snapshot === undefined) return;
    snapshot.volumeIds = snapshot.volumeIds.filter((id) => id !== volumeId);
    const poolId = this.#volumes.get(volumeId)?.poolId;
    if (poolId !== undefined) this.#countSnapshot(poolId, -1);
    snapshot.usedBytes -= snapshotBytesPerVolume;
    if (snapshot.volumeIds.length === 0) this.#snapshots.delete(snapshotId);
    this.#remember('snapshot', snapshotId, snapshot.volumeIds.length === 0 ? null : snapshot);
  }

  #count(volume: VolumeRecord, bytes: number, volumes: number): void {
    const pool = this.#pools.get(volume.poolId);
    if (pool !== undefined) {
      pool.allocatedBytes += bytes;
      pool.volumeCount += volumes;
    }
    const image = volume.imageId === null ? undefined : this.#images.get(volume.imageId);
    if (image !== undefined) image.volumeCount += volumes;
  }

  #countSnapshot(poolId: string, volumes: number): void {
    const pool = this.#pools.get(poolId);
    if (pool !== undefined) pool.usedBytes += volumes * snapshotBytesPerVolume;
  }

  #remember(kind: string, id: string, value: unknown): void {
    if (value === null) this.#options.journal?.remove(kind, id);
    else this.#options.journal?.put(kind, id, value);
  }

  async #takes(range: LatencyRange | undefined): Promise<void> {
    const duration = drawLatency(range, this.#options.random);
    if (duration > 0) await delay(duration);
  }
}

function showImage({ id, sizeBytes, virtualSizeBytes }: ImageRecord): Image {
  return { id, sizeBytes, virtualSizeBytes };
}
