/** snapshot.create and snapshot.delete (SNP-01, notes §7.7). */
import { withFrozenGuest } from '../../compute/service.ts';
import { groupByArray } from '../../storage/service.ts';
import { type Operation, OperationFailed, type OperationRecord } from '../../workflow/operation.ts';
import { findVolume, volumesOfMachine } from '../disk-store.ts';
import {
  finishSnapshot,
  insertSnapshot,
  markSnapshot,
  planSnapshot,
  removeSnapshot,
  setSnapshotConsistency,
  setSnapshotVolumes,
  type SnapshotRow,
} from '../snapshot-store.ts';
import { agentDeadlineMs, type InstanceParts, locked, plan, rowsDeadlineMs, text } from './parts.ts';
import { removeSnapshotFromArray } from './remove.ts';

const snapshotTimeoutMs = 60_000;

async function snapshotOf(parts: InstanceParts, record: OperationRecord): Promise<SnapshotRow> {
  const snapshot = await parts.database.asPlatform((session) =>
    session.first(planSnapshot, text(record, 'snapshotId')),
  );
  if (snapshot === null) throw new OperationFailed('gone', 'The snapshot does not exist any more.');
  return snapshot;
}

/** The snapshot's volumes that still exist, by array. */
async function placesOf(
  parts: InstanceParts,
  volumeIds: readonly string[],
): Promise<Map<string, { id: string; poolId: string }[]>> {
  const volumes: { id: string; poolId: string }[] = [];
  for (const id of volumeIds) {
    const volume = await parts.database.asPlatform((session) => session.first(findVolume, id));
    if (volume?.poolId != null) volumes.push({ id, poolId: volume.poolId });
  }
  return groupByArray(parts, volumes);
}

async function removeEverywhere(parts: InstanceParts, record: OperationRecord): Promise<void> {
  const snapshot = await parts.database.asPlatform((session) =>
    session.first(planSnapshot, text(record, 'snapshotId')),
  );
  if (snapshot === null) return;
  for (const arrayId of (await placesOf(parts, snapshot.volumeIds)).keys())
    await removeSnapshotFromArray(parts, arrayId, snapshot.id);
}

export const createSnapshot: Operation<InstanceParts> = {
  kind: 'snapshot.create',
  steps: [
    {
      name: 'record',
      progress: 'preparing the snapshot',
      deadlineMs: rowsDeadlineMs,
      run: (parts, record) =>
        parts.database.relaxedTransaction(async (session) => {
          const machine = await locked(session, record.resourceId);
          const id = text(record, 'snapshotId');
          if ((await session.first(planSnapshot, id)) !== null) return;
          const volumes = (await session.rows(volumesOfMachine, machine.id)).filter((volume) => volume.ready);
          await session.run(insertSnapshot, id, machine.tenantId, machine.id, text(record, 'name'));
          await session.run(
            setSnapshotVolumes,
            id,
            volumes.map((volume) => volume.id),
          );
        }),
    },
    {
      name: 'take',
      progress: 'taking the snapshot',
      deadlineMs: agentDeadlineMs,
      run: take,
      undo: removeEverywhere,
    },
  ],
  complete: async (session, record) => {
    const id = text(record, 'snapshotId');
    await session.run(finishSnapshot, id);
    return {
      result: id,
      concerned: [
        { type: 'snapshot', id },
        { type: 'vmi', id: record.resourceId },
      ],
    };
  },
  abandon: async (session, record) => {
    await session.run(removeSnapshot, text(record, 'snapshotId'));
  },
};

async function take(parts: InstanceParts, record: OperationRecord): Promise<void> {
  const snapshot = await snapshotOf(parts, record);
  const machine = await plan(parts, record.resourceId);
  const places = await placesOf(parts, snapshot.volumeIds);
  const work = async (): Promise<void> => {
    await Promise.all(
      [...places].map(async ([arrayId, volumes]) => {
        const agent = await parts.agents.array(arrayId);
        await agent.put(
          `/v1/snapshots/${snapshot.id}`,
          { volumeIds: volumes.map((volume) => volume.id) },
          { timeoutMs: snapshotTimeoutMs },
        );
      }),
    );
  };
  let consistency: 'filesystem' | 'crash' = 'filesystem';
  // A machine that is off has no write under way.
  if (machine.status === 'running' && machine.hostId !== null)
    consistency = await withFrozenGuest(parts, { id: machine.id, hostId: machine.hostId }, work);
  else await work();
  await parts.database.asRelaxed((session) => session.run(setSnapshotConsistency, snapshot.id, consistency));
}

export const deleteSnapshot: Operation<InstanceParts> = {
  kind: 'snapshot.delete',
  steps: [
    {
      name: 'mark',
      progress: 'deleting the snapshot',
      deadlineMs: rowsDeadlineMs,
      run: async (parts, record) => {
        await snapshotOf(parts, record);
        await parts.database.asRelaxed((session) => session.run(markSnapshot, text(record, 'snapshotId'), 'deleting'));
      },
      undo: async (parts, record) => {
        await parts.database.asPlatform((session) =>
          session.run(markSnapshot, text(record, 'snapshotId'), 'available'),
        );
      },
    },
    { name: 'remove', progress: 'deleting the snapshot', deadlineMs: agentDeadlineMs, run: removeEverywhere },
  ],
  complete: async (session, record) => {
    await session.run(removeSnapshot, text(record, 'snapshotId'));
    // Observed on the original: the machine's id is the result.
    return { result: record.resourceId, concerned: [{ type: 'vmi', id: record.resourceId }] };
  },
  abandon: async () => {},
};
