import type { Pool, PoolSpec, Snapshot, Volume } from '#contract/generated/agent-array.ts';
import type { ImageSizes } from './image-file.ts';

/** One simulated pool with the sums over its volumes, kept as they change. */
export interface PoolRecord {
  readonly id: string;
  spec: PoolSpec;
  allocatedBytes: number;
  usedBytes: number;
  volumeCount: number;
}

/** One simulated image and how many volumes stand on it. */
export interface ImageRecord extends ImageSizes {
  readonly id: string;
  readonly sha256: string;
  volumeCount: number;
}

/** One simulated volume: few and flat members, since a process holds 100,000 of them. */
export interface VolumeRecord {
  readonly id: string;
  readonly poolId: string;
  sizeBytes: number;
  readonly imageId: string | null;
  /** Null stands for none: most volumes never have one. */
  snapshotIds: string[] | null;
}

/** One simulated snapshot over volumes. */
export interface SnapshotRecord {
  readonly id: string;
  /** Volumes it was asked for, in that order; also those deleted since. */
  readonly asked: readonly string[];
  /** Volumes it still holds. */
  volumeIds: string[];
  readonly createdAt: number;
  /** What it takes up on the medium. */
  usedBytes: number;
}

/** What a snapshot takes up per volume: its own metadata, nothing has been written since. */
export const snapshotBytesPerVolume = 65_536;

export function showPool(pool: PoolRecord): Pool {
  const { id, spec, allocatedBytes, usedBytes, volumeCount } = pool;
  return { ...spec, id, allocatedBytes, usedBytes, volumeCount, healthy: true };
}

export function showVolume(volume: VolumeRecord): Volume {
  return {
    id: volume.id,
    poolId: volume.poolId,
    sizeBytes: volume.sizeBytes,
    usedBytes: 0,
    imageId: volume.imageId,
    nbd: { socketPath: `/simulated/${volume.poolId}.sock`, export: volume.id },
    snapshotIds: volume.snapshotIds === null ? [] : [...volume.snapshotIds],
  };
}

export function showSnapshot(snapshot: SnapshotRecord): Snapshot {
  return {
    id: snapshot.id,
    volumeIds: [...snapshot.volumeIds],
    createdAt: new Date(snapshot.createdAt).toISOString(),
    usedBytes: snapshot.usedBytes,
  };
}
