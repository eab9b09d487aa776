/** VM instances: reads, and writes that become activities (INS, RSZ, notes §7). */
import { randomBytes, randomUUIDv7 } from 'node:crypto';
import type {
  CreateVirtualMachineRequest,
  ResizeVirtualMachineRequest,
  UpdateVirtualMachineRequest,
  VirtualMachine,
  VirtualMachineList,
} from '#contract/generated/tenant.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';

import { type Initiator, recordActivity } from '../activity/service.ts';
import type { CatalogueService } from '../catalogue/service.ts';
import { type Database, type Session, type TenantScope, uniqueViolation } from '../database/database.ts';
import type { Submit } from '../workflow/submit.ts';
import { presentMachine } from './present.ts';
import { decodeSeed, macAddress, repeatedDeviceIndex, sizeProblem } from './rules.ts';
import { MachineList, type Page } from './machine-list.ts';
import { findMachine, insertMachine, machineExists, type MachineRow, type NewAdapter } from './store.ts';

export interface MachineFilter {
  readonly name: string | null;
  readonly status: string | null;
  readonly zoneId: string | null;
  readonly familyId: string | null;
}

export interface InstanceServiceParts {
  readonly database: Database;
  readonly catalogue: CatalogueService;
  readonly submit: Submit;
}

export class InstanceService {
  readonly #parts: InstanceServiceParts;
  readonly #list = new MachineList();
  constructor(parts: InstanceServiceParts) {
    this.#parts = parts;
  }

  /** @throws ApiError `not_found` */
  async get(scope: TenantScope, id: string): Promise<VirtualMachine> {
    const row = await this.#parts.database.asTenant(scope, (session) => session.first(findMachine, id));
    if (row === null) throw new ApiError('not_found');
    return presentMachine(row, await this.#parts.catalogue.names());
  }

  async list(scope: TenantScope, filter: MachineFilter, page: Page): Promise<VirtualMachineList> {
    const { name, status, zoneId, familyId } = filter;
    const { rows, total } = await this.#parts.database.asTenant(scope, (session) =>
      this.#list.page(session, [scope.tenantId, name, status, zoneId, familyId], page),
    );
    const names = await this.#parts.catalogue.names();
    return { vms: rows.map((row) => presentMachine(row, names)), total };
  }

  /**
   * Checks what can be known now, writes the rows, and leaves the rest to the operation.
   * @returns the activity's id
   */
  async create(initiator: Initiator, wish: CreateVirtualMachineRequest): Promise<string> {
    const { catalogue, database, submit } = this.#parts;
    const [zone, family, image, policy, storageType] = await Promise.all([
      catalogue.findZone(wish.availabilityZoneId),
      catalogue.findFamily(wish.instanceFamilyId),
      catalogue.findImage(wish.templateId),
      catalogue.findBackupPolicy(wish.backupPolicyId),
      catalogue.defaultStorageType(),
    ]);
    if (zone === null || !zone.isEnabled)
      throw new ApiError('unknown_reference', { member: 'availabilityZoneId', kind: 'availability zone' });
    if (family === null)
      throw new ApiError('unknown_reference', { member: 'instanceFamilyId', kind: 'instance family' });
    if (image === null) throw new ApiError('unknown_reference', { member: 'templateId', kind: 'template' });
    if (policy === null) throw new ApiError('unknown_reference', { member: 'backupPolicyId', kind: 'backup policy' });
    const { flavors } = await catalogue.snapshot();
    const problem = sizeProblem(
      family,
      { vcpu: wish.cpu, ramGb: wish.memory },
      flavors.filter((flavor) => flavor.instanceFamilyId === family.id),
    );
    if (problem !== null) throw new ApiError('rule_violated', { detail: problem });
    const repeated = repeatedDeviceIndex(wish.networkInterfaces.map((nic) => nic.deviceIndex));
    if (repeated !== null)
      throw new ApiError('rule_violated', {
        detail: `The device index ${String(repeated)} occurs twice in networkInterfaces`,
      });
    const seed = {
      userData: decoded(wish.cloudInit?.cloudConfig, 'cloudInit.cloudConfig'),
      networkConfig: decoded(wish.cloudInit?.networkConfig, 'cloudInit.networkConfig'),
    };
    const id = randomUUIDv7();
    const activityId = randomUUIDv7();
    const adapters: NewAdapter[] = wish.networkInterfaces.map((nic) => ({
      id: randomUUIDv7(),
      networkId: nic.networkId,
      deviceIndex: nic.deviceIndex,
      macAddress: macAddress(randomBytes(5)),
    }));
    for (const networkId of new Set(adapters.map((adapter) => adapter.networkId)))
      if ((await catalogue.findNetwork(initiator, networkId)) === null)
        throw new ApiError('unknown_reference', { member: 'networkInterfaces.networkId', kind: 'network' });
    try {
      await database.tenantTransaction(initiator, async (session) => {
        await session.run(
          insertMachine,
          id,
          initiator.tenantId,
          wish.name,
          zone.id,
          image.image.id,
          image.version.id,
          family.id,
          policy.id,
          wish.cpu,
          wish.memory,
          wish.powerState ?? 'off',
          seed.userData,
          seed.networkConfig,
          randomUUIDv7(),
          storageType.id,
          image.version.minDiskGib,
          JSON.stringify(adapters),
        );
        await recordActivity(session, initiator, {
          id: activityId,
          resourceId: id,
          kind: 'instance.create',
          operation: 'createVirtualMachine',
          type: 'VirtualMachineCreation',
          description: `Creation of the virtual machine ${wish.name}`,
          concerned: [{ type: 'vmi', id }],
          input: {},
          fresh: true,
        });
      });
    } catch (error) {
      if (uniqueViolation(error) === 'machines_tenant_id_name_key')
        throw new ApiError('name_taken', { kind: 'virtual machine' });
      throw error;
    }
    submit.begin(activityId);
    return activityId;
  }

  async update(initiator: Initiator, machineId: string, wish: UpdateVirtualMachineRequest): Promise<string> {
    if (
      wish.backupPolicyId !== undefined &&
      (await this.#parts.catalogue.findBackupPolicy(wish.backupPolicyId)) === null
    )
      throw new ApiError('unknown_reference', { member: 'backupPolicyId', kind: 'backup policy' });
    return this.#enqueue(initiator, machineId, {
      kind: 'instance.update',
      operation: 'updateVirtualMachineMetadata',
      type: 'VirtualMachineUpdate',
      describe: (machine) => `Update of the virtual machine ${machine.name}`,
      input: { ...wish },
    });
  }

  async resize(initiator: Initiator, machineId: string, wish: ResizeVirtualMachineRequest): Promise<string> {
    const machine = await this.#parts.database.asTenant(initiator, (session) => session.first(findMachine, machineId));
    if (machine === null) throw new ApiError('not_found');
    const snapshot = await this.#parts.catalogue.snapshot();
    const family = snapshot.familyById.get(machine.familyId);
    const size = { vcpu: wish.cpu ?? machine.vcpu, ramGb: wish.memory ?? machine.ramGb };
    const flavors = snapshot.flavors.filter((flavor) => flavor.instanceFamilyId === machine.familyId);
    const problem = family === undefined ? null : sizeProblem(family, size, flavors);
    if (problem !== null) throw new ApiError('rule_violated', { detail: problem });
    return this.#enqueue(initiator, machineId, {
      kind: 'instance.resize',
      operation: 'resizeVirtualMachine',
      type: 'VirtualMachineResize',
      describe: (row) =>
        `Resize of the virtual machine ${row.name} to ${String(size.vcpu)} vCPU and ${String(size.ramGb)} GB`,
      input: { ...wish },
    });
  }

  async start(initiator: Initiator, machineId: string): Promise<string> {
    return this.#enqueue(initiator, machineId, {
      kind: 'instance.start',
      operation: 'startVirtualMachine',
      type: 'VirtualMachineStart',
      describe: (machine) => `Start of the virtual machine ${machine.name}`,
      input: {},
    });
  }

  async stop(initiator: Initiator, machineId: string): Promise<string> {
    return this.#enqueue(initiator, machineId, {
      kind: 'instance.stop',
      operation: 'stopVirtualMachine',
      type: 'VirtualMachineStop',
      describe: (machine) => `Stop of the virtual machine ${machine.name}`,
      input: {},
    });
  }

  async delete(initiator: Initiator, machineId: string): Promise<string> {
    return this.#enqueue(initiator, machineId, {
      kind: 'instance.delete',
      operation: 'deleteVirtualMachine',
      type: 'VirtualMachineDeletion',
      describe: (machine) => `Deletion of the virtual machine ${machine.name}`,
      input: {},
    });
  }

  /** @throws ApiError `not_found` when the tenant has no such machine */
  async require(session: Session, machineId: string): Promise<void> {
    if ((await session.first(machineExists, machineId)) === null) throw new ApiError('not_found');
  }

  async #enqueue(initiator: Initiator, machineId: string, request: MachineRequest): Promise<string> {
    const { database, submit } = this.#parts;
    const activityId = randomUUIDv7();
    await database.tenantTransaction(initiator, async (session) => {
      const machine = await session.first(findMachine, machineId);
      if (machine === null) throw new ApiError('not_found');
      await recordActivity(session, initiator, {
        id: activityId,
        resourceId: machineId,
        kind: request.kind,
        operation: request.operation,
        type: request.type,
        description: request.describe(machine),
        concerned: [{ type: 'vmi', id: machineId }],
        input: request.input,
        fresh: false,
      });
    });
    submit.next(machineId);
    return activityId;
  }
}

interface MachineRequest {
  readonly kind: string;
  readonly operation: string;
  readonly type: string;
  readonly describe: (machine: MachineRow) => string;
  readonly input: Readonly<Record<string, unknown>>;
}

function decoded(encoded: string | undefined, member: string): string | null {
  if (encoded === undefined || encoded === '') return null;
  const seed = decodeSeed(encoded);
  if ('problem' in seed) throw new ApiError('rule_violated', { detail: `${member}: ${seed.problem}` });
  return seed.text;
}
