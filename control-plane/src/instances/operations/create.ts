/** instance.create: place, provision, define on the host, show (INS-01, INS-04, notes §7.4). */
import { applyMachine } from '../../compute/service.ts';
import { isIncomplete, type Session } from '../../database/database.ts';
import { plugPorts, takeAddress } from '../../network/service.ts';
import { reserveHost } from '../../placement/service.ts';
import { buryEverything } from '../../tombstones/service.ts';
import { putVolume, reserveSpace } from '../../storage/service.ts';
import type { Operation, OperationRecord } from '../../workflow/operation.ts';
import { planAdapters, setAdapterAddress } from '../adapter-store.ts';
import { setVolumeEndpoint, setVolumePool, volumesOfMachine } from '../disk-store.ts';
import { finishMachine, type MachinePlanRow, setHost } from '../store.ts';
import { forgetMachine, reserveAtOnce } from '../reserve-store.ts';
import { takeQuota } from '../usage.ts';
import { agentDeadlineMs, type InstanceParts, locked, plan, rowsDeadlineMs } from './parts.ts';
import { removeMachineFromHost, removePort, removeVolumeFromArray } from './remove.ts';

/** Imported images may be brought to the array for the first time in this step. */
const allocateDeadlineMs = 600_000;

export const createInstance: Operation<InstanceParts> = {
  kind: 'instance.create',
  steps: [
    {
      name: 'reserve',
      unrecorded: true,
      progress: 'finding a place',
      deadlineMs: rowsDeadlineMs,
      run: reserve,
    },
    {
      name: 'allocate',
      unrecorded: true,
      progress: 'preparing disk and network',
      deadlineMs: allocateDeadlineMs,
      run: async (parts, record) => {
        const outcomes = await Promise.allSettled([
          provisionDisks(parts, record.resourceId),
          plugPorts(parts, record.resourceId),
        ]);
        // Both have ended before one's failure is reported, so that the undo races with nothing.
        for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
      },
      undo: removeDisksAndPorts,
    },
    {
      name: 'define',
      progress: 'starting the virtual machine',
      deadlineMs: agentDeadlineMs,
      run: async (parts, record) => {
        await applyMachine(parts, record.resourceId);
      },
      undo: async (parts, record) => {
        const machine = await plan(parts, record.resourceId);
        if (machine.hostId !== null) await removeMachineFromHost(parts, machine.hostId, machine.id);
      },
    },
  ],
  complete: async (session, record) => {
    await session.run(finishMachine, record.resourceId);
    return { result: record.resourceId, concerned: [{ type: 'vmi', id: record.resourceId }] };
  },
  abandon: async (session, record, undone) => {
    if (!undone.complete) await buryEverything(session, record.resourceId);
    await session.run(forgetMachine, record.resourceId);
  },
};

/**
 * Quota, host, pool and addresses: all of it or nothing. Repeating it finds the host set and does nothing. The commit is waited for,
 * because the agents are told next what was reserved.
 */
async function reserve(parts: InstanceParts, record: OperationRecord): Promise<void> {
  const { database } = parts;
  try {
    await database.asPlatform((session) => session.first(reserveAtOnce, record.resourceId));
  } catch (error) {
    if (!isIncomplete(error)) throw error;
    await database.platformTransaction((session) => reserveStepByStep(session, record.resourceId));
  }
}

/**
 * The same in small steps, each of which knows what to say when there is no room; also uses addresses that were given back. The rows
 * that all creates of a tenant meet at come last, because they stay locked until the commit.
 */
async function reserveStepByStep(session: Session, machineId: string): Promise<void> {
  const machine = await locked(session, machineId);
  if (machine.hostId !== null) return;
  const volumes = await session.rows(volumesOfMachine, machineId);
  const adapters = await session.rows(planAdapters, machineId);
  const zone = { id: machine.zoneId, name: machine.zoneName };
  const hostId = await reserveHost(session, { zone, ...demandOf(machine) });
  if (hostId !== null) await session.run(setHost, machineId, hostId);
  for (const volume of volumes) {
    const storageType = { id: volume.storageTypeId, name: volume.storageTypeName };
    await session.run(
      setVolumePool,
      volume.id,
      await reserveSpace(session, { zone, storageType, gib: volume.sizeGib }),
    );
  }
  for (const adapter of adapters)
    await session.run(setAdapterAddress, adapter.id, await takeAddress(session, adapter.networkId));
  const storageGb = volumes.reduce((sum, volume) => sum + volume.sizeGib, 0);
  await takeQuota(session, machine.tenantId, { vcpu: machine.vcpu, ramGb: machine.ramGb, storageGb, machines: 1 });
}

async function provisionDisks(parts: InstanceParts, machineId: string): Promise<void> {
  const volumes = await parts.database.asPlatform((session) => session.rows(volumesOfMachine, machineId));
  for (const volume of volumes) {
    if (volume.poolId === null) throw new Error(`volume ${volume.id} has no pool`);
    const nbd = await putVolume(parts, { ...volume, poolId: volume.poolId });
    await parts.database.asRelaxed((session) => session.run(setVolumeEndpoint, volume.id, JSON.stringify(nbd)));
  }
}

async function removeDisksAndPorts(parts: InstanceParts, record: OperationRecord): Promise<void> {
  const [volumes, adapters] = await parts.database.asPlatform(async (session) => [
    await session.rows(volumesOfMachine, record.resourceId),
    await session.rows(planAdapters, record.resourceId),
  ]);
  for (const adapter of adapters) await removePort(parts, adapter.id);
  for (const volume of volumes) await removeVolumeFromArray(parts, volume);
}

/** What the machine holds of its host. */
export function demandOf(machine: MachinePlanRow): { vcpus: number; memoryMib: number; dedicated: boolean } {
  return { vcpus: machine.vcpu, memoryMib: machine.ramGb * 1024, dedicated: machine.dedicated };
}
