/** disk.create, disk.extend, disk.delete (INS-11, notes §7.5). Operations on a machine's parts run on the machine's queue. */
import { applyMachine } from '../../compute/service.ts';
import { putVolume, releaseSpace, reserveGrowth, reserveSpace } from '../../storage/service.ts';
import { buryDisk } from '../../tombstones/service.ts';
import { type Operation, OperationFailed, type OperationRecord } from '../../workflow/operation.ts';
import type { Session } from '../../database/database.ts';
import {
  findVolume,
  finishVolume,
  insertVolume,
  removeVolume,
  setVolumeEndpoint,
  setVolumePlugged,
  setVolumePool,
  type VolumeRow,
} from '../disk-store.ts';
import { touchMachine } from '../store.ts';
import { releaseQuota, takeQuota } from '../usage.ts';
import { recall, remember } from './memory.ts';
import {
  agentDeadlineMs,
  type InstanceParts,
  locked,
  optionalNumber,
  optionalText,
  requireStopped,
  rowsDeadlineMs,
  text,
} from './parts.ts';
import { removeVolumeFromArray } from './remove.ts';

const storage = (storageGb: number): { vcpu: number; ramGb: number; storageGb: number; machines: number } => ({
  vcpu: 0,
  ramGb: 0,
  storageGb,
  machines: 0,
});

async function volumeOf(session: Session, record: OperationRecord): Promise<VolumeRow> {
  const volume = await session.first(findVolume, text(record, 'diskId'));
  if (volume === null) throw new OperationFailed('gone', 'The disk does not exist any more.');
  return volume;
}

/** Notes §6.3: the disk's id is the result; the machine may be named as `vmi`. */
const outcome = (
  record: OperationRecord,
  result: string,
): { result: string; concerned: { type: string; id: string }[] } => ({
  result,
  concerned: [{ type: 'vmi', id: record.resourceId }],
});

export const createDisk: Operation<InstanceParts> = {
  kind: 'disk.create',
  steps: [
    {
      name: 'reserve',
      progress: 'reserving space',
      deadlineMs: rowsDeadlineMs,
      run: (parts, record) =>
        parts.database.relaxedTransaction(async (session) => {
          const machine = await locked(session, record.resourceId);
          const diskId = text(record, 'diskId');
          if ((await session.first(findVolume, diskId)) !== null) return;
          const sizeGib = optionalNumber(record, 'size') ?? 0;
          const storageType = { id: text(record, 'storageTypeId'), name: text(record, 'storageTypeName') };
          const placed = await session.first(
            insertVolume,
            diskId,
            machine.tenantId,
            machine.id,
            storageType.id,
            optionalText(record, 'name'),
            sizeGib,
          );
          if (placed === null)
            throw new OperationFailed(
              'too_many_disks',
              'A virtual machine has at most 16 additional disks, and this one has them all. Delete one first.',
            );
          const zone = { id: machine.zoneId, name: machine.zoneName };
          await session.run(setVolumePool, diskId, await reserveSpace(session, { zone, storageType, gib: sizeGib }));
          await takeQuota(session, machine.tenantId, storage(sizeGib));
        }),
    },
    {
      name: 'provision',
      progress: 'creating the disk',
      deadlineMs: agentDeadlineMs,
      run: async (parts, record) => {
        const volume = await parts.database.asPlatform((session) => volumeOf(session, record));
        if (volume.poolId === null) throw new Error(`volume ${volume.id} has no pool`);
        const nbd = await putVolume(parts, { ...volume, poolId: volume.poolId });
        await parts.database.relaxedTransaction(async (session) => {
          await session.run(setVolumeEndpoint, volume.id, JSON.stringify(nbd));
          await session.run(touchMachine, record.resourceId);
        });
      },
      undo: async (parts, record) => {
        const volume = await parts.database.asPlatform((session) => session.first(findVolume, text(record, 'diskId')));
        if (volume !== null) await removeVolumeFromArray(parts, volume);
      },
    },
    {
      name: 'attach',
      progress: 'attaching the disk',
      deadlineMs: agentDeadlineMs,
      run: async (parts, record) => {
        await applyMachine(parts, record.resourceId);
      },
      undo: (parts, record) => unplug(parts, record),
    },
  ],
  complete: async (session, record) => {
    const volume = await volumeOf(session, record);
    await session.run(finishVolume, volume.id, volume.sizeGib);
    return outcome(record, volume.id);
  },
  abandon: async (session, record, undone) => {
    const volume = await session.first(findVolume, text(record, 'diskId'));
    if (volume === null) return;
    if (!undone.complete) await buryDisk(session, volume.id);
    await forgetVolume(session, volume);
  },
};

/** Takes the disk out of the wanted state and has the host do it. */
async function unplug(parts: InstanceParts, record: OperationRecord): Promise<void> {
  await parts.database.relaxedTransaction(async (session) => {
    await session.run(setVolumePlugged, text(record, 'diskId'), false);
    await session.run(touchMachine, record.resourceId);
  });
  await applyMachine(parts, record.resourceId);
}

async function forgetVolume(session: Session, volume: VolumeRow): Promise<void> {
  if (volume.poolId !== null) await releaseSpace(session, volume.poolId, volume.sizeGib);
  await releaseQuota(session, volume.tenantId, storage(volume.sizeGib));
  await session.run(removeVolume, volume.id);
}

interface Growth {
  readonly gib: number;
}

export const extendDisk: Operation<InstanceParts> = {
  kind: 'disk.extend',
  steps: [
    {
      name: 'reserve',
      progress: 'reserving space',
      deadlineMs: rowsDeadlineMs,
      run: (parts, record) =>
        parts.database.relaxedTransaction(async (session) => {
          const machine = await locked(session, record.resourceId);
          requireStopped(machine, 'Extending a disk');
          if ((await recall<Growth>(session, record)) !== null) return;
          const volume = await volumeOf(session, record);
          const size = optionalNumber(record, 'size') ?? 0;
          if (size < volume.sizeGib)
            throw new OperationFailed(
              'cannot_shrink',
              `A disk can only grow: it has ${String(volume.sizeGib)} GB and ${String(size)} GB were asked for.`,
            );
          const gib = size - volume.sizeGib;
          if (volume.poolId !== null) await reserveGrowth(session, volume.poolId, gib);
          await takeQuota(session, machine.tenantId, storage(gib));
          const growth: Growth = { gib };
          await remember(session, record, growth);
        }),
    },
    {
      name: 'grow',
      progress: 'extending the disk',
      deadlineMs: agentDeadlineMs,
      run: async (parts, record) => {
        const volume = await parts.database.asPlatform((session) => volumeOf(session, record));
        if (volume.poolId === null) throw new Error(`volume ${volume.id} has no pool`);
        await putVolume(parts, {
          ...volume,
          poolId: volume.poolId,
          sizeGib: optionalNumber(record, 'size') ?? volume.sizeGib,
        });
      },
    },
  ],
  complete: async (session, record) => {
    await session.run(finishVolume, text(record, 'diskId'), optionalNumber(record, 'size') ?? 0);
    await session.run(touchMachine, record.resourceId);
    return outcome(record, text(record, 'diskId'));
  },
  abandon: async (session, record) => {
    const growth = await recall<Growth>(session, record);
    const volume = await session.first(findVolume, text(record, 'diskId'));
    if (growth === null || volume === null) return;
    if (volume.poolId !== null) await releaseSpace(session, volume.poolId, growth.gib);
    await releaseQuota(session, volume.tenantId, storage(growth.gib));
  },
};

export const deleteDisk: Operation<InstanceParts> = {
  kind: 'disk.delete',
  steps: [
    {
      name: 'detach',
      progress: 'detaching the disk',
      deadlineMs: agentDeadlineMs,
      run: async (parts, record) => {
        await parts.database.relaxedTransaction(async (session) => {
          const machine = await locked(session, record.resourceId);
          const volume = await volumeOf(session, record);
          if (volume.isPrimary)
            throw new OperationFailed(
              'primary_disk',
              'The system disk cannot be deleted. Delete the virtual machine instead.',
            );
          requireStopped(machine, 'Deleting a disk');
        });
        await unplug(parts, record);
      },
      undo: async (parts, record) => {
        await parts.database.relaxedTransaction(async (session) => {
          await session.run(setVolumePlugged, text(record, 'diskId'), true);
          await session.run(touchMachine, record.resourceId);
        });
        await applyMachine(parts, record.resourceId);
      },
    },
    {
      name: 'remove',
      progress: 'deleting the disk',
      deadlineMs: agentDeadlineMs,
      // A disk whose data is gone cannot be attached again.
      noReturn: true,
      run: async (parts, record) => {
        const volume = await parts.database.asPlatform((session) => session.first(findVolume, text(record, 'diskId')));
        if (volume !== null) await removeVolumeFromArray(parts, volume);
      },
    },
  ],
  complete: async (session, record) => {
    const volume = await session.first(findVolume, text(record, 'diskId'));
    if (volume !== null) await forgetVolume(session, volume);
    return outcome(record, record.resourceId);
  },
  abandon: async () => {},
};
