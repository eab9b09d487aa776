/** Disks, adapters and snapshots of an instance: reads, and writes that become activities on the machine's queue. */
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import type {
  ChangeVmNetworkAdapterRequest,
  CreateVmDiskRequest,
  CreateVmNetworkAdapterRequest,
  VmDisk,
  VmDiskList,
  VmNetworkAdapter,
  VmNetworkAdapterList,
  VmSnapshot,
  VmSnapshotList,
} from '#contract/generated/tenant.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';

import { type Initiator, recordActivity } from '../activity/service.ts';
import type { Session, TenantScope } from '../database/database.ts';
import { findAdapter, listAdapters } from './adapter-store.ts';
import { findDisk, listDisks } from './disk-store.ts';
import { presentAdapter, presentDisk, presentSnapshot } from './present.ts';
import { macAddress } from './rules.ts';
import type { InstanceServiceParts } from './service.ts';
import { findSnapshot, listSnapshots } from './snapshot-store.ts';
import { machineExists } from './store.ts';

interface PartRequest {
  readonly kind: string;
  readonly operation: string;
  readonly type: string;
  readonly description: string;
  readonly concerned: readonly { readonly type: string; readonly id: string }[];
  readonly input: Readonly<Record<string, unknown>>;
  /** Throws when what the request is about does not exist. */
  readonly check?: (session: Session) => Promise<void>;
}

export class InstancePartsService {
  readonly #parts: InstanceServiceParts;
  constructor(parts: InstanceServiceParts) {
    this.#parts = parts;
  }

  async listDisks(scope: TenantScope, vmId: string): Promise<VmDiskList> {
    const rows = await this.#of(scope, vmId, (session) => session.rows(listDisks, vmId));
    return { vmId, disks: rows.map(presentDisk), total: rows.length };
  }

  async getDisk(scope: TenantScope, vmId: string, diskId: string): Promise<VmDisk> {
    return presentDisk(some(await this.#of(scope, vmId, (session) => session.first(findDisk, vmId, diskId))));
  }

  async createDisk(initiator: Initiator, vmId: string, wish: CreateVmDiskRequest): Promise<string> {
    const { catalogue } = this.#parts;
    const storageType =
      wish.storageType === undefined
        ? await catalogue.defaultStorageType()
        : await catalogue.findStorageType(wish.storageType);
    if (storageType === null || !storageType.isAvailable)
      throw new ApiError('unknown_reference', { member: 'storageType', kind: 'storage type' });
    if (wish.size < storageType.minSizeGb || wish.size > storageType.maxSizeGb)
      throw new ApiError('rule_violated', {
        detail: `A ${storageType.name} disk has ${String(storageType.minSizeGb)} to ${String(storageType.maxSizeGb)} GB, and ${String(wish.size)} were asked for`,
      });
    const diskId = randomUUIDv7();
    return this.#enqueue(initiator, vmId, {
      kind: 'disk.create',
      operation: 'createVirtualMachineDisk',
      type: 'VirtualMachineDiskCreation',
      description: `Creation of a disk of ${String(wish.size)} GB`,
      concerned: [{ type: 'vmi', id: vmId }],
      input: {
        diskId,
        size: wish.size,
        storageTypeId: storageType.id,
        storageTypeName: storageType.name,
        ...(wish.name === undefined || wish.name === '' ? {} : { name: wish.name }),
      },
    });
  }

  /** `diskId` null means the system disk. */
  async extendDisk(initiator: Initiator, vmId: string, wish: { diskId: string | null; size: number }): Promise<string> {
    const { diskId, size } = wish;
    const disks = await this.#of(initiator, vmId, (session) => session.rows(listDisks, vmId));
    const disk = disks.find((row) => (diskId === null ? row.isPrimary : row.id === diskId));
    return this.#enqueue(initiator, vmId, {
      kind: 'disk.extend',
      operation: diskId === null ? 'extendVirtualMachineSystemDisk' : 'extendVirtualMachineDisk',
      type: 'VirtualMachineDiskExtension',
      description: `Extension of a disk to ${String(size)} GB`,
      concerned: [{ type: 'vmi', id: vmId }],
      input: { diskId: some(disk ?? null).id, size },
    });
  }

  async deleteDisk(initiator: Initiator, vmId: string, diskId: string): Promise<string> {
    return this.#enqueue(initiator, vmId, {
      kind: 'disk.delete',
      operation: 'deleteVirtualMachineDisk',
      type: 'VirtualMachineDiskDeletion',
      description: 'Deletion of a disk',
      concerned: [{ type: 'vmi', id: vmId }],
      input: { diskId },
      check: async (session) => void some(await session.first(findDisk, vmId, diskId)),
    });
  }

  async listAdapters(scope: TenantScope, vmId: string): Promise<VmNetworkAdapterList> {
    const rows = await this.#of(scope, vmId, (session) => session.rows(listAdapters, vmId));
    return { vmId, networks: rows.map(presentAdapter), total: rows.length };
  }

  async getAdapter(scope: TenantScope, vmId: string, adapterId: string): Promise<VmNetworkAdapter> {
    return presentAdapter(some(await this.#of(scope, vmId, (session) => session.first(findAdapter, vmId, adapterId))));
  }

  async createAdapter(initiator: Initiator, vmId: string, wish: CreateVmNetworkAdapterRequest): Promise<string> {
    await this.#requireNetwork(initiator, wish.networkId);
    const adapterId = randomUUIDv7();
    return this.#enqueue(initiator, vmId, {
      kind: 'adapter.create',
      operation: 'createVirtualMachineNetworkAdapter',
      type: 'VirtualMachineNetworkAdapterCreation',
      description: 'Attachment of a network adapter',
      concerned: [
        { type: 'network_adapter', id: adapterId },
        { type: 'vmi', id: vmId },
      ],
      // On a backbone network a wanted address is silently ignored (notes §7.6).
      input: {
        adapterId,
        networkId: wish.networkId,
        deviceIndex: wish.deviceIndex,
        macAddress: macAddress(randomBytes(5)),
      },
    });
  }

  async changeAdapter(
    initiator: Initiator,
    vmId: string,
    wish: ChangeVmNetworkAdapterRequest & { readonly adapterId: string },
  ): Promise<string> {
    const { adapterId } = wish;
    await this.#requireNetwork(initiator, wish.networkId);
    return this.#enqueue(initiator, vmId, {
      kind: 'adapter.change',
      operation: 'changeVirtualMachineNetworkAdapterNetwork',
      type: 'VirtualMachineNetworkAdapterUpdate',
      description: 'Move of a network adapter to another network',
      concerned: [{ type: 'vmi', id: vmId }],
      input: { adapterId, networkId: wish.networkId },
      check: async (session) => void some(await session.first(findAdapter, vmId, adapterId)),
    });
  }

  async deleteAdapter(initiator: Initiator, vmId: string, adapterId: string): Promise<string> {
    return this.#enqueue(initiator, vmId, {
      kind: 'adapter.delete',
      operation: 'deleteVirtualMachineNetworkAdapter',
      type: 'VirtualMachineNetworkAdapterDeletion',
      description: 'Detachment of a network adapter',
      concerned: [{ type: 'vmi', id: vmId }],
      input: { adapterId },
      check: async (session) => void some(await session.first(findAdapter, vmId, adapterId)),
    });
  }

  async listSnapshots(scope: TenantScope, vmId: string): Promise<VmSnapshotList> {
    const rows = await this.#of(scope, vmId, (session) => session.rows(listSnapshots, vmId));
    return { snapshots: rows.map(presentSnapshot), total: rows.length };
  }

  async getSnapshot(scope: TenantScope, vmId: string, snapshotId: string): Promise<VmSnapshot> {
    return presentSnapshot(
      some(await this.#of(scope, vmId, (session) => session.first(findSnapshot, vmId, snapshotId))),
    );
  }

  async createSnapshot(initiator: Initiator, vmId: string, name: string): Promise<string> {
    const snapshotId = randomUUIDv7();
    return this.#enqueue(initiator, vmId, {
      kind: 'snapshot.create',
      operation: 'createVirtualMachineSnapshot',
      type: 'VirtualMachineSnapshotCreation',
      description: `Snapshot ${name}`,
      concerned: [
        { type: 'snapshot', id: snapshotId },
        { type: 'vmi', id: vmId },
      ],
      input: { snapshotId, name },
    });
  }

  async deleteSnapshot(initiator: Initiator, vmId: string, snapshotId: string): Promise<string> {
    return this.#enqueue(initiator, vmId, {
      kind: 'snapshot.delete',
      operation: 'deleteVirtualMachineSnapshot',
      type: 'VirtualMachineSnapshotDeletion',
      description: 'Deletion of a snapshot',
      concerned: [{ type: 'vmi', id: vmId }],
      input: { snapshotId },
      check: async (session) => void some(await session.first(findSnapshot, vmId, snapshotId)),
    });
  }

  async #requireNetwork(scope: TenantScope, networkId: string): Promise<void> {
    if ((await this.#parts.catalogue.findNetwork(scope, networkId)) === null)
      throw new ApiError('unknown_reference', { member: 'networkId', kind: 'network' });
  }

  /** Reads something of a machine that the tenant has. @throws ApiError `not_found` */
  async #of<T>(scope: TenantScope, vmId: string, read: (session: Session) => Promise<T>): Promise<T> {
    return this.#parts.database.asTenant(scope, async (session) => {
      const result = await read(session);
      const empty = result === null || (Array.isArray(result) && result.length === 0);
      // A part proves its machine; only when there is none the machine itself is asked for.
      if (empty) some(await session.first(machineExists, vmId));
      return result;
    });
  }

  async #enqueue(initiator: Initiator, vmId: string, request: PartRequest): Promise<string> {
    const { check, ...activity } = request;
    const id = randomUUIDv7();
    await this.#parts.database.tenantTransaction(initiator, async (session) => {
      some(await session.first(machineExists, vmId));
      await check?.(session);
      await recordActivity(session, initiator, { ...activity, id, resourceId: vmId, fresh: false });
    });
    this.#parts.submit.next(vmId);
    return id;
  }
}

/** @throws ApiError `not_found` when there is none */
function some<T>(value: T | null): T {
  if (value === null) throw new ApiError('not_found');
  return value;
}
