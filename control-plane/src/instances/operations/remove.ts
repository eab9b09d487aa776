/** Removing things from agents; what cannot be reached is left to the collector (tombstones). */
import { AgentProblem, AgentUnreachable } from '#libs/agent-http/problem.ts';
import { removeMachine } from '../../compute/service.ts';
import { deleteVolume } from '../../storage/service.ts';
import { NetworkUnavailable } from '../../network/driver/driver.ts';
import { bury } from '../../tombstones/service.ts';
import type { Grave } from '../../tombstones/service.ts';
import type { InstanceParts } from './parts.ts';

/** The other side is away, or it answers and fails: the collector goes on trying when the operation has ended. */
function isLeftForLater(error: unknown): boolean {
  return (
    error instanceof AgentUnreachable ||
    error instanceof NetworkUnavailable ||
    (error instanceof AgentProblem && error.status >= 500)
  );
}

const patienceMs = 15_000;
const pauseMs = 1_000;

/** Runs `work`; when the other side stays away for 15 s a tombstone is left and the operation goes on. */
async function orTombstone(parts: InstanceParts, grave: Grave, work: () => Promise<void>): Promise<void> {
  const until = performance.now() + patienceMs;
  for (;;) {
    try {
      await work();
      return;
    } catch (error) {
      if (!isLeftForLater(error)) throw error;
      if (performance.now() < until) {
        await new Promise((resolve) => setTimeout(resolve, pauseMs));
        continue;
      }
      parts.log.warn({ ...grave, err: error }, 'not reachable; left to the collector');
      await bury(parts.database, grave);
      return;
    }
  }
}

export async function removeMachineFromHost(parts: InstanceParts, hostId: string, machineId: string): Promise<void> {
  await orTombstone(parts, { kind: 'machine', id: machineId, agentId: hostId }, () =>
    removeMachine(parts, hostId, machineId),
  );
}

export async function removeVolumeFromArray(
  parts: InstanceParts,
  volume: { id: string; poolId: string | null },
): Promise<void> {
  const { id, poolId } = volume;
  // Never placed, so it cannot be anywhere.
  if (poolId === null) return;
  const agentId = await parts.agents.arrayOfPool(poolId);
  await orTombstone(parts, { kind: 'volume', id, agentId }, () => deleteVolume(parts, { id, poolId }));
}

export async function removePort(parts: InstanceParts, adapterId: string): Promise<void> {
  await orTombstone(parts, { kind: 'port', id: adapterId, agentId: null }, () => parts.network.deletePort(adapterId));
}

export async function removeSnapshotFromArray(
  parts: InstanceParts,
  arrayId: string,
  snapshotId: string,
): Promise<void> {
  await orTombstone(parts, { kind: 'snapshot', id: snapshotId, agentId: arrayId }, async () => {
    const agent = await parts.agents.array(arrayId);
    await agent.delete(`/v1/snapshots/${snapshotId}`);
  });
}
