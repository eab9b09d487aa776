/** Volumes on arrays: where they go, how they come to be, how they leave. */
import { join } from 'node:path';
import type { PoolSpec, Volume } from '#contract/generated/agent-array.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import type { Agents } from '../compute/agents.ts';
import type { Database, Session } from '../database/database.ts';
import { NotYet, OperationFailed } from '../workflow/operation.ts';
import {
  forgetImagesAtHand,
  givePoolBack,
  growInPool,
  imageAtHand,
  listPools,
  setImageAtHand,
  takePool,
  takePoolUnlocked,
  zoneHasRoom,
} from './store.ts';

const gibibyte = 1024 ** 3;
/** Copying and checking an image of some GiB takes its time. */
const imageTimeoutMs = 300_000;
const volumeTimeoutMs = 60_000;

export interface StorageParts {
  readonly database: Database;
  readonly agents: Agents;
  /** Folder of the image files; the paths of image versions are relative to it. */
  readonly imagesDir: string;
}

/** A volume as the storage layer needs to know it. */
export interface VolumePlan {
  readonly id: string;
  readonly poolId: string;
  readonly sizeGib: number;
  readonly imageVersionId: string | null;
}

/**
 * Reserves `gib` in a pool of the zone and class.
 * @throws OperationFailed `no_capacity` when no pool of the class has room (STO-13: no overselling)
 */
export async function reserveSpace(
  session: Session,
  want: { zone: { id: string; name: string }; storageType: { id: string; name: string }; gib: number },
): Promise<string> {
  const demand = [want.zone.id, want.storageType.id, want.gib] as const;
  const pool = (await session.first(takePoolUnlocked, ...demand)) ?? (await session.first(takePool, ...demand));
  if (pool !== null) return pool.id;
  if ((await session.first(zoneHasRoom, ...demand)) !== null) throw new NotYet('pools are contended');
  throw new OperationFailed(
    'no_capacity',
    `The ${want.storageType.name} storage of ${want.zone.name} has no ${String(want.gib)} GB left. Choose another zone or storage type, or a smaller size.`,
  );
}

/** Reserves `gib` more in the pool a volume lies in. @throws OperationFailed `no_capacity` */
export async function reserveGrowth(session: Session, poolId: string, gib: number): Promise<void> {
  if ((await session.first(growInPool, poolId, gib)) === null)
    throw new OperationFailed(
      'no_capacity',
      `The storage pool of this disk has no ${String(gib)} GB left. Add a new disk instead, or grow by less.`,
    );
}

export async function releaseSpace(session: Session, poolId: string, gib: number): Promise<void> {
  await session.run(givePoolBack, poolId, gib);
}

/** Makes the volume so on its array. @returns how a host reaches it */
export async function putVolume(parts: StorageParts, plan: VolumePlan): Promise<Volume['nbd']> {
  const arrayId = await parts.agents.arrayOfPool(plan.poolId);
  if (plan.imageVersionId !== null) await bringImage(parts, arrayId, plan.imageVersionId);
  const agent = await parts.agents.array(arrayId);
  try {
    const volume = await agent.put<Volume>(
      `/v1/volumes/${plan.id}`,
      { poolId: plan.poolId, sizeBytes: plan.sizeGib * gibibyte, imageId: plan.imageVersionId },
      { timeoutMs: volumeTimeoutMs },
    );
    return volume.nbd;
  } catch (error) {
    if (!(error instanceof AgentProblem) || error.status !== 404) throw error;
    // The array was replaced or its state restored: what it was thought to have must be brought again.
    await parts.database.asPlatform((session) => session.run(forgetImagesAtHand, arrayId));
    throw new NotYet('the array lacks the pool or the image');
  }
}

/** @throws AgentUnreachable when the array does not answer */
export async function deleteVolume(parts: StorageParts, volume: { id: string; poolId: string }): Promise<void> {
  const agent = await parts.agents.array(await parts.agents.arrayOfPool(volume.poolId));
  await agent.delete(`/v1/volumes/${volume.id}`, { timeoutMs: volumeTimeoutMs });
}

/** Volumes by the array that holds them. */
export async function groupByArray<V extends { poolId: string }>(
  parts: StorageParts,
  volumes: readonly V[],
): Promise<Map<string, V[]>> {
  const groups = new Map<string, V[]>();
  for (const volume of volumes) {
    const arrayId = await parts.agents.arrayOfPool(volume.poolId);
    groups.set(arrayId, [...(groups.get(arrayId) ?? []), volume]);
  }
  return groups;
}

async function bringImage(parts: StorageParts, arrayId: string, versionId: string): Promise<void> {
  const image = await parts.database.asPlatform((session) => session.first(imageAtHand, arrayId, versionId));
  if (image === null)
    throw new OperationFailed('unknown_image', 'The image does not exist any more. Choose another template.');
  if (image.atHand) return;
  const agent = await parts.agents.array(arrayId);
  await agent.put(
    `/v1/images/${versionId}`,
    { sourcePath: join(parts.imagesDir, image.path), format: image.format, sha256: image.sha256 },
    { timeoutMs: imageTimeoutMs },
  );
  await parts.database.asPlatform((session) => session.run(setImageAtHand, arrayId, versionId));
}

/** Every pool as its array should have it (STO-08). */
export async function wantedPools(database: Database): Promise<{ id: string; arrayId: string; spec: PoolSpec }[]> {
  const rows = await database.asPlatform((session) => session.rows(listPools));
  return rows.map(({ id, arrayId, storageClass, sizeGib, iopsLimit, encrypted }) => ({
    id,
    arrayId,
    spec: { storageClass, sizeBytes: sizeGib * gibibyte, iopsLimit, encrypted },
  }));
}
