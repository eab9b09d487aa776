/** operationId → service, for /vm_instances/v1 (notes §7). */
import type { Operations } from '#contract/generated/tenant.ts';
import { type Handlers, reply } from '#libs/contract-runtime/call.ts';
import { initiatorOf } from '../http/initiator.ts';
import type { GuestService } from '../guests/service.ts';
import type { InstancePartsService } from './parts-service.ts';
import type { InstanceService } from './service.ts';

const pageLimit = 200;

type Owned =
  | 'listVirtualMachines'
  | 'createVirtualMachine'
  | 'getVirtualMachine'
  | 'updateVirtualMachineMetadata'
  | 'deleteVirtualMachine'
  | 'resizeVirtualMachine'
  | 'startVirtualMachine'
  | 'stopVirtualMachine'
  | 'listVirtualMachineDisks'
  | 'createVirtualMachineDisk'
  | 'extendVirtualMachineSystemDisk'
  | 'getVirtualMachineDisk'
  | 'deleteVirtualMachineDisk'
  | 'extendVirtualMachineDisk'
  | 'listVirtualMachineNetworkAdapters'
  | 'createVirtualMachineNetworkAdapter'
  | 'getVirtualMachineNetworkAdapter'
  | 'changeVirtualMachineNetworkAdapterNetwork'
  | 'deleteVirtualMachineNetworkAdapter'
  | 'listVirtualMachineSnapshots'
  | 'createVirtualMachineSnapshot'
  | 'getVirtualMachineSnapshot'
  | 'deleteVirtualMachineSnapshot'
  | 'getVirtualMachineGuest'
  | 'getVirtualMachineSerial';

export function instanceHandlers(services: {
  instances: InstanceService;
  parts: InstancePartsService;
  guests: GuestService;
}): Pick<Handlers<Operations>, Owned> {
  const { instances, parts, guests } = services;
  return {
    listVirtualMachines: async ({ principal, query }) =>
      reply.ok(
        await instances.list(
          principal,
          {
            name: query.name ?? null,
            status: query.status ?? null,
            zoneId: query.availabilityZoneId ?? null,
            familyId: query.familyId ?? null,
          },
          {
            limit: query.limit ?? pageLimit,
            offset: query.offset ?? 0,
            order: query.orderBy ?? 'createdAt',
            direction: query.orderDir ?? 'asc',
          },
        ),
      ),
    createVirtualMachine: async (call) => reply.activity(await instances.create(initiatorOf(call), call.body)),
    getVirtualMachine: async ({ principal, params }) => reply.ok(await instances.get(principal, params.vmId)),
    updateVirtualMachineMetadata: async (call) =>
      reply.activity(await instances.update(initiatorOf(call), call.params.vmId, call.body)),
    deleteVirtualMachine: async (call) => reply.activity(await instances.delete(initiatorOf(call), call.params.vmId)),
    resizeVirtualMachine: async (call) =>
      reply.activity(await instances.resize(initiatorOf(call), call.params.vmId, call.body)),
    startVirtualMachine: async (call) => reply.activity(await instances.start(initiatorOf(call), call.params.vmId)),
    stopVirtualMachine: async (call) => reply.activity(await instances.stop(initiatorOf(call), call.params.vmId)),

    listVirtualMachineDisks: async ({ principal, params }) => reply.ok(await parts.listDisks(principal, params.vmId)),
    createVirtualMachineDisk: async (call) =>
      reply.activity(await parts.createDisk(initiatorOf(call), call.params.vmId, call.body)),
    extendVirtualMachineSystemDisk: async (call) =>
      reply.activity(
        await parts.extendDisk(initiatorOf(call), call.params.vmId, { diskId: null, size: call.body.size }),
      ),
    getVirtualMachineDisk: async ({ principal, params }) =>
      reply.ok(await parts.getDisk(principal, params.vmId, params.diskId)),
    deleteVirtualMachineDisk: async (call) =>
      reply.activity(await parts.deleteDisk(initiatorOf(call), call.params.vmId, call.params.diskId)),
    extendVirtualMachineDisk: async (call) =>
      reply.activity(
        await parts.extendDisk(initiatorOf(call), call.params.vmId, {
          diskId: call.params.diskId,
          size: call.body.size,
        }),
      ),

    listVirtualMachineNetworkAdapters: async ({ principal, params }) =>
      reply.ok(await parts.listAdapters(principal, params.vmId)),
    createVirtualMachineNetworkAdapter: async (call) =>
      reply.activity(await parts.createAdapter(initiatorOf(call), call.params.vmId, call.body)),
    getVirtualMachineNetworkAdapter: async ({ principal, params }) =>
      reply.ok(await parts.getAdapter(principal, params.vmId, params.networkAdapterId)),
    changeVirtualMachineNetworkAdapterNetwork: async (call) =>
      reply.activity(
        await parts.changeAdapter(initiatorOf(call), call.params.vmId, {
          ...call.body,
          adapterId: call.params.networkAdapterId,
        }),
      ),
    deleteVirtualMachineNetworkAdapter: async (call) =>
      reply.activity(await parts.deleteAdapter(initiatorOf(call), call.params.vmId, call.params.networkAdapterId)),

    listVirtualMachineSnapshots: async ({ principal, params }) =>
      reply.ok(await parts.listSnapshots(principal, params.vmId)),
    createVirtualMachineSnapshot: async (call) =>
      reply.activity(await parts.createSnapshot(initiatorOf(call), call.params.vmId, call.body.name)),
    getVirtualMachineSnapshot: async ({ principal, params }) =>
      reply.ok(await parts.getSnapshot(principal, params.vmId, params.snapshotId)),
    deleteVirtualMachineSnapshot: async (call) =>
      reply.activity(await parts.deleteSnapshot(initiatorOf(call), call.params.vmId, call.params.snapshotId)),

    getVirtualMachineGuest: async ({ principal, params }) => reply.ok(await guests.guest(principal, params.vmId)),
    getVirtualMachineSerial: async ({ principal, params, query, signal }) => {
      const serial = await guests.serial(principal, params.vmId, { offset: query.offset ?? null, signal });
      return reply.text(serial.text, {
        headers: { 'X-Serial-Start': String(serial.start), 'X-Serial-End': String(serial.end) },
      });
    },
  };
}
