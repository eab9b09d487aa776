import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Pool as PoolState } from '#contract/generated/agent-array.ts';
import type { AgentLog } from '#libs/agent-http/server.ts';
import type { QmpClient } from '#libs/qmp/client.ts';
import { PoolAccount } from './accounting.ts';
import type { QsdOptions } from './config.ts';
import { StorageDaemon } from './daemon.ts';
import { closeVolume, observed, openVolume, setKey, setLimits } from './exports.ts';
import type { OpenVolume } from './exports.ts';
import { usedBytes } from './medium.ts';
import { isVolumeNode, volumeNode } from './names.ts';
import type { ArrayPaths } from './names.ts';
import type { PoolKeys } from './pool-keys.ts';
import { loadRecords, removeRecord, saveRecord } from './records.ts';
import type { PoolRecord, VolumeRecord } from './records.ts';

/** How many volumes a new daemon opens at a time: opening one means some milliseconds of key derivation. */
const openAtOnce = 8;

export interface PoolOptions {
  readonly record: PoolRecord;
  readonly paths: ArrayPaths;
  readonly qsd: QsdOptions;
  readonly keys: PoolKeys;
  readonly log: AgentLog;
  /** How the daemon opens a volume. */
  readonly describe: (volume: VolumeRecord) => OpenVolume;
}

/** One pool: its record, its account, its volumes and its daemon. */
export class Pool {
  record: PoolRecord;
  readonly account: PoolAccount;
  readonly daemon: StorageDaemon;
  /** The volumes that exist, by id; those being made or deleted are not among them. */
  readonly volumes = new Map<string, VolumeRecord>();
  readonly #options: PoolOptions;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.record = options.record;
    this.account = new PoolAccount(options.record.sizeBytes);
    this.daemon = new StorageDaemon({
      qsd: options.qsd,
      folder: options.paths.poolRun(options.record.id),
      log: options.log,
      prepare: (qmp) => this.#prepare(qmp),
    });
  }

  /** Reads the volumes' records and sweeps away files that a crash left without one. */
  async load(): Promise<void> {
    const folder = this.#options.paths.volumes(this.record.id);
    for (const volume of await loadRecords<VolumeRecord>(folder)) {
      this.volumes.set(volume.id, volume);
      this.account.adopt(volume.id, volume.sizeBytes);
    }
    for (const name of await readdir(folder)) {
      if (name.endsWith('.qcow2') && !this.volumes.has(name.slice(0, -'.qcow2'.length))) {
        await rm(join(folder, name), { force: true });
      }
    }
  }

  async save(record: PoolRecord): Promise<void> {
    const folder = this.#options.paths.pool(record.id);
    await mkdir(this.#options.paths.volumes(record.id), { recursive: true, mode: 0o711 });
    await saveRecord(join(folder, 'pool.json'), record);
    this.record = record;
    this.account.sizeBytes = record.sizeBytes;
  }

  async saveVolume(volume: VolumeRecord): Promise<void> {
    await saveRecord(this.#recordFile(volume.id), volume);
    this.volumes.set(volume.id, volume);
  }

  /** From here on the volume will not come back, even if the rest of its deletion has to be repeated. */
  async removeVolumeRecord(volumeId: string): Promise<void> {
    await removeRecord(this.#recordFile(volumeId));
  }

  forgetVolume(volumeId: string): void {
    this.volumes.delete(volumeId);
    this.account.release(volumeId);
  }

  async applyLimits(): Promise<void> {
    await this.daemon.run((qmp) => setLimits(qmp, limitsOf(this.record)));
  }

  async state(): Promise<PoolState> {
    const used = await Promise.all([...this.volumes.keys()].map((id) => usedBytes(this.volumeFile(id))));
    return {
      ...this.record,
      allocatedBytes: this.account.allocatedBytes,
      usedBytes: used.reduce((sum, each) => sum + each, 0),
      volumeCount: this.account.volumeCount,
      healthy: this.daemon.failure === undefined,
    };
  }

  volumeFile(volumeId: string): string {
    return this.#options.paths.volumeFile(this.record.id, volumeId);
  }

  #recordFile(volumeId: string): string {
    return join(this.#options.paths.volumes(this.record.id), `${volumeId}.json`);
  }

  /** Makes a daemon serve exactly the volumes that exist: whatever it had before, from whichever time. */
  async #prepare(qmp: QmpClient): Promise<void> {
    await setLimits(qmp, limitsOf(this.record));
    if (this.record.encrypted) {
      const passphrase = await this.#options.keys.passphrase(this.record.id);
      await setKey(qmp, passphrase);
      passphrase.fill(0);
    }
    const { nodes, exports } = await observed(qmp);
    const wanted = new Set([...this.volumes.keys()].map(volumeNode));
    for (const node of nodes) if (isVolumeNode(node) && !wanted.has(node)) await closeVolume(qmp, node);
    const missing = [...this.volumes.values()].filter((volume) => !exports.has(volumeNode(volume.id)));
    const open = async (): Promise<void> => {
      for (let volume = missing.pop(); volume !== undefined; volume = missing.pop()) await this.#open(qmp, volume);
    };
    await Promise.all(Array.from({ length: openAtOnce }, open));
  }

  async #open(qmp: QmpClient, volume: VolumeRecord): Promise<void> {
    try {
      await openVolume(qmp, this.#options.describe(volume));
    } catch (error) {
      if (qmp.closed) throw error;
      // One damaged file must not keep the pool's other guests without their disks.
      this.#options.log.error({ err: error, volumeId: volume.id }, 'a volume cannot be opened');
    }
  }
}

function limitsOf(record: PoolRecord): { iops: number | null; bandwidth: number | null } {
  return { iops: record.iopsLimit, bandwidth: record.bandwidthLimitBytes ?? null };
}
