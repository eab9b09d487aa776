/** adapter.create, adapter.change, adapter.delete (notes §7.6). */
import { applyMachine } from '../../compute/service.ts';
import { type Session, uniqueViolation } from '../../database/database.ts';
import { giveBackAddress, plugPorts, takeAddress } from '../../network/service.ts';
import { type Operation, OperationFailed, type OperationRecord, type Outcome } from '../../workflow/operation.ts';
import {
  type AdapterPlanRow,
  finishAdapter,
  insertAdapter,
  planAdapter,
  planAdapters,
  removeAdapter,
  setAdapterAddress,
  setAdapterNetwork,
  setAdapterPlugged,
} from '../adapter-store.ts';
import { touchMachine } from '../store.ts';
import { recall, remember } from './memory.ts';
import {
  agentDeadlineMs,
  type InstanceParts,
  locked,
  optionalNumber,
  requireStopped,
  rowsDeadlineMs,
  text,
} from './parts.ts';
import { removePort } from './remove.ts';

/** INS-07 speaks of one, the contract of up to eight at creation; eight is what a machine has slots for. */
const adaptersMax = 8;

async function adapterOf(session: Session, record: OperationRecord): Promise<AdapterPlanRow> {
  const adapter = await session.first(planAdapter, text(record, 'adapterId'));
  if (adapter === null) throw new OperationFailed('gone', 'The network adapter does not exist any more.');
  return adapter;
}

/** Notes §6.3: created adapters are named by concerned item and result; changes report the machine. */
const created = (adapterId: string, machineId: string): Outcome => ({
  result: adapterId,
  concerned: [
    { type: 'network_adapter', id: adapterId },
    { type: 'vmi', id: machineId },
  ],
});
const changed = (record: OperationRecord): Outcome => ({
  result: record.resourceId,
  concerned: [{ type: 'vmi', id: record.resourceId }],
});

async function setPlugged(parts: InstanceParts, record: OperationRecord, plugged: boolean): Promise<void> {
  await parts.database.relaxedTransaction(async (session) => {
    await session.run(setAdapterPlugged, text(record, 'adapterId'), plugged);
    await session.run(touchMachine, record.resourceId);
  });
  await applyMachine(parts, record.resourceId);
}

async function forgetAdapter(session: Session, adapter: AdapterPlanRow): Promise<void> {
  if (adapter.ipv4 !== null) await giveBackAddress(session, adapter.networkId, adapter.ipv4);
  await session.run(removeAdapter, adapter.id);
}

export const createAdapter: Operation<InstanceParts> = {
  kind: 'adapter.create',
  steps: [
    {
      name: 'reserve',
      progress: 'reserving an address',
      deadlineMs: rowsDeadlineMs,
      run: async (parts, record) => {
        try {
          await parts.database.relaxedTransaction((session) => reserve(session, record));
        } catch (error) {
          if (uniqueViolation(error) !== 'adapters_machine_id_device_index_key') throw error;
          throw new OperationFailed(
            'device_index_taken',
            'The virtual machine has an adapter with this device index already. Choose another index.',
          );
        }
      },
    },
    {
      name: 'plug',
      progress: 'connecting the network',
      deadlineMs: agentDeadlineMs,
      run: (parts, record) => plugPorts(parts, record.resourceId, text(record, 'adapterId')),
      undo: (parts, record) => removePort(parts, text(record, 'adapterId')),
    },
    {
      name: 'attach',
      progress: 'attaching the adapter',
      deadlineMs: agentDeadlineMs,
      run: async (parts, record) => {
        await applyMachine(parts, record.resourceId);
      },
      undo: (parts, record) => setPlugged(parts, record, false),
    },
  ],
  complete: async (session, record) => {
    const adapter = await adapterOf(session, record);
    await session.run(finishAdapter, adapter.id);
    return created(adapter.id, record.resourceId);
  },
  abandon: async (session, record) => {
    const adapter = await session.first(planAdapter, text(record, 'adapterId'));
    if (adapter !== null) await forgetAdapter(session, adapter);
  },
};

async function reserve(session: Session, record: OperationRecord): Promise<void> {
  const machine = await locked(session, record.resourceId);
  const adapterId = text(record, 'adapterId');
  const present = await session.rows(planAdapters, machine.id);
  if (present.some((adapter) => adapter.id === adapterId)) return;
  if (present.length >= adaptersMax)
    throw new OperationFailed(
      'too_many_adapters',
      `A virtual machine has at most ${String(adaptersMax)} network adapters. Delete one first.`,
    );
  const networkId = text(record, 'networkId');
  await session.run(
    insertAdapter,
    adapterId,
    machine.tenantId,
    machine.id,
    networkId,
    optionalNumber(record, 'deviceIndex') ?? 0,
    text(record, 'macAddress'),
  );
  await session.run(setAdapterAddress, adapterId, await takeAddress(session, networkId));
  await session.run(touchMachine, machine.id);
}

interface NetworkBefore {
  readonly networkId: string;
  readonly ipv4: string;
}

export const changeAdapter: Operation<InstanceParts> = {
  kind: 'adapter.change',
  steps: [
    {
      name: 'change',
      progress: 'reserving an address',
      deadlineMs: rowsDeadlineMs,
      run: (parts, record) =>
        parts.database.relaxedTransaction(async (session) => {
          const machine = await locked(session, record.resourceId);
          requireStopped(machine, 'Moving an adapter to another network');
          const adapter = await adapterOf(session, record);
          const networkId = text(record, 'networkId');
          if (adapter.networkId === networkId || adapter.ipv4 === null) return;
          const before: NetworkBefore = { networkId: adapter.networkId, ipv4: adapter.ipv4 };
          await remember(session, record, before);
          await session.run(setAdapterNetwork, adapter.id, networkId, await takeAddress(session, networkId));
          await session.run(touchMachine, machine.id);
        }),
      undo: async (parts, record) => {
        await parts.database.relaxedTransaction(async (session) => {
          const before = await recall<NetworkBefore>(session, record);
          const adapter = await session.first(planAdapter, text(record, 'adapterId'));
          if (before === null || adapter?.ipv4 == null || adapter.networkId === before.networkId) return;
          await giveBackAddress(session, adapter.networkId, adapter.ipv4);
          await session.run(setAdapterNetwork, adapter.id, before.networkId, before.ipv4);
          await session.run(touchMachine, record.resourceId);
        });
        await plugPorts(parts, record.resourceId, text(record, 'adapterId'));
      },
    },
    {
      name: 'plug',
      progress: 'connecting the network',
      deadlineMs: agentDeadlineMs,
      run: async (parts, record) => {
        await plugPorts(parts, record.resourceId, text(record, 'adapterId'));
        await applyMachine(parts, record.resourceId);
      },
    },
  ],
  complete: async (session, record) => {
    const before = await recall<NetworkBefore>(session, record);
    if (before !== null) await giveBackAddress(session, before.networkId, before.ipv4);
    return changed(record);
  },
  abandon: async () => {},
};

export const deleteAdapter: Operation<InstanceParts> = {
  kind: 'adapter.delete',
  steps: [
    {
      name: 'detach',
      progress: 'detaching the adapter',
      deadlineMs: agentDeadlineMs,
      run: async (parts, record) => {
        await parts.database.relaxedTransaction(async (session) => {
          requireStopped(await locked(session, record.resourceId), 'Deleting an adapter');
          await adapterOf(session, record);
        });
        await setPlugged(parts, record, false);
      },
      undo: (parts, record) => setPlugged(parts, record, true),
    },
    {
      name: 'unplug',
      progress: 'disconnecting the network',
      deadlineMs: agentDeadlineMs,
      run: (parts, record) => removePort(parts, text(record, 'adapterId')),
      undo: (parts, record) => plugPorts(parts, record.resourceId, text(record, 'adapterId')),
    },
  ],
  complete: async (session, record) => {
    const adapter = await session.first(planAdapter, text(record, 'adapterId'));
    if (adapter !== null) await forgetAdapter(session, adapter);
    return changed(record);
  },
  abandon: async () => {},
};
