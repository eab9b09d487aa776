import type { PoolSpec, VolumeSpec } from '#contract/generated/agent-array.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import type { ImageRecord, PoolRecord, VolumeRecord } from './array-records.ts';

/** @throws AgentProblem 409 `immutable`, `pool_in_use` */
export function refusePoolChange(known: PoolRecord, spec: PoolSpec): void {
  if (known.spec.encrypted !== spec.encrypted) {
    throw new AgentProblem(409, 'immutable', `the encryption of pool ${known.id} cannot change`);
  }
  if (spec.sizeBytes < known.allocatedBytes) {
    throw new AgentProblem(409, 'pool_in_use', `pool ${known.id} has ${known.allocatedBytes} bytes allocated`);
  }
}

/** @throws AgentProblem 422 `invalid_spec` when the image does not fit into the volume */
export function refuseSmallerThan(image: ImageRecord, sizeBytes: number): void {
  if (sizeBytes >= image.virtualSizeBytes) return;
  throw new AgentProblem(
    422,
    'invalid_spec',
    `image ${image.id} needs a volume of at least ${image.virtualSizeBytes} bytes`,
  );
}

export function sameMembers(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((id) => other.includes(id));
}

export function insufficient(where: string, free: number, needed: number): AgentProblem {
  return new AgentProblem(507, 'insufficient_space', `${where} has ${free} bytes free, ${needed} are needed`);
}

/** @throws AgentProblem 409 `immutable`, `cannot_shrink` */
export function refuseOtherVolume(known: VolumeRecord, spec: VolumeSpec): void {
  if (known.poolId !== spec.poolId || known.imageId !== (spec.imageId ?? null)) {
    throw new AgentProblem(409, 'immutable', `the pool and the image of volume ${known.id} cannot change`);
  }
  if (spec.sizeBytes < known.sizeBytes) {
    throw new AgentProblem(409, 'cannot_shrink', `volume ${known.id} already has ${known.sizeBytes} bytes`);
  }
}
