/** instance.delete: works on a running machine and takes everything it owns along (notes §7.4). */
import type { Operation } from '../../workflow/operation.ts';
import { forgetTags } from '../../tags/service.ts';
import { planAdapters } from '../adapter-store.ts';
import { volumesOfMachine } from '../disk-store.ts';
import { forgetMachine } from '../reserve-store.ts';
import { setStatus } from '../store.ts';
import { type InstanceParts, plan, rowsDeadlineMs } from './parts.ts';
import { removeMachineFromHost, removePort, removeVolumeFromArray } from './remove.ts';

/** Nothing is undone: a deletion goes forward, past agents that are away, which are told later. */
const removeDeadlineMs = 600_000;

export const deleteInstance: Operation<InstanceParts> = {
  kind: 'instance.delete',
  steps: [
    {
      name: 'mark',
      unrecorded: true,
      progress: 'deleting',
      deadlineMs: rowsDeadlineMs,
      run: async (parts, record) => {
        await parts.database.asRelaxed((session) => session.run(setStatus, record.resourceId, 'deleting'));
      },
    },
    {
      name: 'remove',
      progress: 'removing the virtual machine',
      deadlineMs: removeDeadlineMs,
      run: async (parts, record) => {
        const machine = await plan(parts, record.resourceId);
        if (machine.hostId !== null) await removeMachineFromHost(parts, machine.hostId, machine.id);
        const [volumes, adapters] = await parts.database.asPlatform(async (session) => [
          await session.rows(volumesOfMachine, machine.id),
          await session.rows(planAdapters, machine.id),
        ]);
        await Promise.all([
          ...adapters.map((adapter) => removePort(parts, adapter.id)),
          ...volumes.map((volume) => removeVolumeFromArray(parts, volume)),
        ]);
      },
    },
  ],
  complete: async (session, record) => {
    await forgetTags(session, record.resourceId);
    return { result: record.resourceId, concerned: [{ type: 'vmi', id: record.resourceId }] };
  },
  settle: async (session, record) => {
    await session.run(forgetMachine, record.resourceId);
  },
  abandon: async () => {},
};
