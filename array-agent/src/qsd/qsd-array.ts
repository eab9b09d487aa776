import { chmod, mkdir, rm } from 'node:fs/promises';
import { dirname, relative } from 'node:path';
import type {
  Array as ArrayState,
  Image,
  ImageSpec,
  Pool as PoolState,
  PoolSpec,
  Snapshot,
  Volume,
  VolumeSpec,
} from '#contract/generated/agent-array.ts';
import { AgentProblem, notFound } from '#libs/agent-http/problem.ts';
import type { AgentLog } from '#libs/agent-http/server.ts';
import type { ArrayDriver } from '../driver.ts';
import { KeyedLock } from '#libs/concurrency/keyed-lock.ts';
import type { QsdOptions } from './config.ts';
import { closeImage, closeVolume, growVolume, openVolume } from './exports.ts';
import type { OpenVolume } from './exports.ts';
import { ImageStore } from './images.ts';
import { luksHeader } from './luks-header.ts';
import { freeBytes, needRoom, onMedium, usedBytes } from './medium.ts';
import { ArrayPaths, volumeNode } from './names.ts';
import type { PoolKeys } from './pool-keys.ts';
import { PoolStore } from './pool-store.ts';
import type { Pool } from './pool.ts';
import { emptyQcow2, writeQcow2 } from './qcow2-file.ts';
import type { ImageRecord, VolumeRecord } from './records.ts';
import { SnapshotStore } from './snapshots.ts';
import { refuseChange, refuseSize } from './volume-rules.ts';

const defaultReserveBytes = 1024 ** 3;
const poolsLock = 'pools';

export interface QsdArrayOptions {
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly stateDir: string;
  readonly runDir: string;
  /** What the pools may promise together. */
  readonly capacityBytes: number;
  readonly keys: PoolKeys;
  readonly qsd: QsdOptions;
  readonly log: AgentLog;
}

/** An array on local files, each pool served by one qemu-storage-daemon over NBD. */
export class QsdArray implements ArrayDriver {
  readonly #options: QsdArrayOptions;
  readonly #paths: ArrayPaths;
  readonly #images: ImageStore;
  readonly #snapshots: SnapshotStore;
  readonly #pools: PoolStore;
  readonly #locks = new KeyedLock();
  readonly #reserveBytes: number;
  readonly #startedAt = new Date().toISOString();

  private constructor(options: QsdArrayOptions) {
    this.#options = options;
    this.#reserveBytes = options.qsd.reserveBytes ?? defaultReserveBytes;
    this.#paths = new ArrayPaths(options.stateDir, options.runDir);
    this.#images = new ImageStore(this.#paths, options.qsd);
    this.#pools = new PoolStore({ ...options, paths: this.#paths, describe: (volume) => this.#describe(volume) });
    this.#snapshots = new SnapshotStore(this.#paths.snapshots, (volumeId) => this.#pools.ofVolume(volumeId));
  }

  /** Reads the state folder, adopts or starts the daemons and sweeps away what a crash left half done. */
  static async open(options: QsdArrayOptions): Promise<QsdArray> {
    const array = new QsdArray(options);
    await array.#load();
    return array;
  }

  async #load(): Promise<void> {
    for (const folder of [this.#options.stateDir, this.#options.runDir]) {
      await mkdir(folder, { recursive: true, mode: 0o711 });
    }
    // The daemon's user must get through to its files, and nobody is to list them.
    await chmod(this.#options.stateDir, 0o711);
    await chmod(this.#options.runDir, 0o711);
    await this.#images.load();
    await this.#pools.load();
    await this.#snapshots.load();
  }

  async array(): Promise<ArrayState> {
    const { id, name, version, capacityBytes } = this.#options;
    const free = await freeBytes(this.#options.stateDir);
    const problems = this.#pools
      .all()
      .filter((pool) => pool.daemon.failure !== undefined)
      .map((pool) => `pool ${pool.record.id}: ${pool.daemon.failure ?? ''}`);
    if (free < this.#reserveBytes) problems.push(`only ${free} bytes are free on the medium`);
    return {
      id,
      name,
      version,
      driver: 'qsd',
      capacityBytes,
      freeBytes: free,
      startedAt: this.#startedAt,
      healthy: problems.length === 0,
      problems,
    };
  }

  listPools(): Promise<PoolState[]> {
    return Promise.all(this.#pools.all().map((pool) => pool.state()));
  }

  async getPool(poolId: string): Promise<PoolState> {
    return await this.#pools.get(poolId).state();
  }

  putPool(poolId: string, spec: PoolSpec): Promise<PoolState> {
    return this.#locks.run(poolsLock, async () => (await this.#pools.put(poolId, spec)).state());
  }

  deletePool(poolId: string): Promise<void> {
    return this.#locks.run(poolsLock, () => this.#pools.delete(poolId));
  }

  putImage(imageId: string, spec: ImageSpec): Promise<Image> {
    return this.#locks.run(imageId, async () => {
      await this.#needRoom();
      return await this.#images.put(imageId, spec);
    });
  }

  deleteImage(imageId: string): Promise<void> {
    return this.#locks.run(imageId, async () => {
      if (this.#pools.volumes().some((volume) => volume.imageId === imageId) || this.#imagesInUse.has(imageId)) {
        throw new AgentProblem(409, 'image_in_use', `volumes are based on image ${imageId}`);
      }
      for (const pool of this.#pools.all()) await pool.daemon.run((qmp) => closeImage(qmp, imageId));
      await this.#images.delete(imageId);
    });
  }

  async listVolumes(): Promise<Volume[]> {
    return await Promise.all(this.#pools.volumes().map((volume) => this.#state(volume)));
  }

  async getVolume(volumeId: string): Promise<Volume> {
    return await this.#state(this.#volume(volumeId));
  }

  putVolume(volumeId: string, spec: VolumeSpec): Promise<Volume> {
    return this.#locks.run(volumeId, async () => {
      const current = this.#pools.ofVolume(volumeId)?.volumes.get(volumeId);
      const wanted = { id: volumeId, poolId: spec.poolId, sizeBytes: spec.sizeBytes, imageId: spec.imageId ?? null };
      const volume = current === undefined ? await this.#create(wanted) : await this.#change(current, wanted);
      return await this.#state(volume);
    });
  }

  deleteVolume(volumeId: string): Promise<void> {
    return this.#locks.run(volumeId, async () => {
      const pool = this.#pools.ofVolume(volumeId);
      if (pool === undefined) return;
      // Without its record the volume is gone, whatever happens next: the rest is swept up at the next start.
      await onMedium(() => pool.removeVolumeRecord(volumeId));
      await pool.daemon.run((qmp) => closeVolume(qmp, volumeNode(volumeId)));
      await rm(pool.volumeFile(volumeId), { force: true });
      pool.forgetVolume(volumeId);
      await this.#snapshots.forgetVolume(volumeId);
    });
  }

  listSnapshots(): Promise<Snapshot[]> {
    return this.#snapshots.list();
  }

  getSnapshot(snapshotId: string): Promise<Snapshot> {
    return this.#snapshots.get(snapshotId);
  }

  putSnapshot(snapshotId: string, volumeIds: readonly string[]): Promise<Snapshot> {
    return this.#locks.runAll([snapshotId, ...volumeIds], async () => {
      await this.#needRoom();
      return await onMedium(() => this.#snapshots.put(snapshotId, volumeIds));
    });
  }

  deleteSnapshot(snapshotId: string): Promise<void> {
    return this.#locks.runAll([snapshotId, ...this.#snapshots.volumesOf(snapshotId)], () =>
      this.#snapshots.delete(snapshotId),
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.all().map((pool) => pool.daemon.release()));
  }

  /** Images that a volume being made stands on, with how many such volumes there are. */
  readonly #imagesInUse = new Map<string, number>();

  async #create(volume: VolumeRecord): Promise<VolumeRecord> {
    const pool = this.#pools.get(volume.poolId);
    const image = volume.imageId === null ? undefined : this.#images.get(volume.imageId);
    refuseSize(volume, image);
    const giveBack = pool.account.reserve(volume.id, volume.sizeBytes);
    this.#useImage(image, 1);
    try {
      await this.#needRoom();
      await onMedium(() => this.#writeFile(pool, volume, image));
      await pool.daemon.run((qmp) => openVolume(qmp, this.#describe(volume)));
      await onMedium(() => pool.saveVolume(volume));
      return volume;
    } catch (error) {
      await this.#undoCreate(pool, volume);
      giveBack();
      throw error;
    } finally {
      this.#useImage(image, -1);
    }
  }

  #useImage(image: ImageRecord | undefined, by: 1 | -1): void {
    if (image === undefined) return;
    const uses = (this.#imagesInUse.get(image.id) ?? 0) + by;
    if (uses === 0) this.#imagesInUse.delete(image.id);
    else this.#imagesInUse.set(image.id, uses);
  }

  async #writeFile(pool: Pool, volume: VolumeRecord, image: ImageRecord | undefined): Promise<void> {
    const path = pool.volumeFile(volume.id);
    const passphrase = pool.record.encrypted ? await this.#options.keys.passphrase(pool.record.id) : undefined;
    const luks = passphrase && (await luksHeader(passphrase, volume.id));
    passphrase?.fill(0);
    const backing = image && { path: relative(dirname(path), this.#images.file(image)), format: image.format };
    const { uid, gid } = this.#options.qsd;
    const owner = process.getuid?.() === 0 ? { uid, gid } : {};
    // An attempt that a crash cut short may have left a file; without a record it is nobody's.
    await rm(path, { force: true });
    await writeQcow2(path, emptyQcow2({ sizeBytes: volume.sizeBytes, backing, luks }), { mode: 0o600, ...owner });
  }

  async #undoCreate(pool: Pool, volume: VolumeRecord): Promise<void> {
    try {
      await pool.daemon.run((qmp) => closeVolume(qmp, volumeNode(volume.id)));
      await rm(pool.volumeFile(volume.id), { force: true });
    } catch (error) {
      this.#options.log.error({ err: error, volumeId: volume.id }, 'a half-made volume stays until the next start');
    }
  }

  async #change(current: VolumeRecord, wanted: VolumeRecord): Promise<VolumeRecord> {
    refuseChange(current, wanted);
    const pool = this.#pools.get(current.poolId);
    if (wanted.sizeBytes === current.sizeBytes) {
      await pool.daemon.run((qmp) => openVolume(qmp, this.#describe(current)));
      return current;
    }
    const giveBack = pool.account.reserve(current.id, wanted.sizeBytes);
    try {
      await this.#needRoom();
      await pool.daemon.run((qmp) => growVolume(qmp, current.id, wanted.sizeBytes));
      await onMedium(() => pool.saveVolume(wanted));
      return wanted;
    } catch (error) {
      giveBack();
      throw error;
    }
  }

  #describe(volume: VolumeRecord): OpenVolume {
    const pool = this.#pools.get(volume.poolId);
    const image = volume.imageId === null ? undefined : this.#images.get(volume.imageId);
    return {
      id: volume.id,
      file: pool.volumeFile(volume.id),
      encrypted: pool.record.encrypted,
      image: image && { id: image.id, file: this.#images.file(image), format: image.format },
    };
  }

  async #state(volume: VolumeRecord): Promise<Volume> {
    return {
      id: volume.id,
      poolId: volume.poolId,
      sizeBytes: volume.sizeBytes,
      usedBytes: await usedBytes(this.#paths.volumeFile(volume.poolId, volume.id)),
      imageId: volume.imageId,
      nbd: { socketPath: this.#paths.nbdSocket(volume.poolId), export: volume.id },
      snapshotIds: this.#snapshots.of(volume.id),
    };
  }

  #needRoom(): Promise<void> {
    return needRoom(this.#options.stateDir, this.#reserveBytes);
  }

  #volume(volumeId: string): VolumeRecord {
    const volume = this.#pools.ofVolume(volumeId)?.volumes.get(volumeId);
    if (volume === undefined) throw notFound(`volume ${volumeId}`);
    return volume;
  }
}
