import { AgentProblem, invalidSpec } from '#libs/agent-http/problem.ts';
import type { ImageRecord, VolumeRecord } from './records.ts';

const sectorBytes = 512;

/** @throws AgentProblem 422 `invalid_spec`: no whole sectors, or smaller than its image */
export function refuseSize(volume: VolumeRecord, image: ImageRecord | undefined): void {
  if (volume.sizeBytes % sectorBytes !== 0) throw invalidSpec('/sizeBytes', `must be a multiple of ${sectorBytes}`);
  if (image !== undefined && volume.sizeBytes < image.virtualSizeBytes) {
    throw invalidSpec('/sizeBytes', `must be at least the ${image.virtualSizeBytes} bytes of the image`);
  }
}

/** @throws AgentProblem 409 `immutable`, `cannot_shrink`; 422 `invalid_spec` */
export function refuseChange(current: VolumeRecord, wanted: VolumeRecord): void {
  if (wanted.poolId !== current.poolId || wanted.imageId !== current.imageId) {
    throw new AgentProblem(409, 'immutable', 'the pool and the image of a volume cannot change');
  }
  if (wanted.sizeBytes < current.sizeBytes) {
    throw new AgentProblem(409, 'cannot_shrink', `the volume has ${current.sizeBytes} bytes and cannot shrink`);
  }
  if (wanted.sizeBytes !== current.sizeBytes) refuseSize(wanted, undefined);
}
