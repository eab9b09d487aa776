/** SQL of machines: what the API reads, and what the operations on a machine as a whole write. */
import { statement } from '../database/statement.ts';

export type MachineStatus = 'creating' | 'running' | 'stopped' | 'starting' | 'stopping' | 'deleting';

export interface MachineRow {
  readonly id: string;
  readonly name: string;
  readonly status: MachineStatus;
  readonly zoneId: string;
  readonly imageId: string;
  readonly familyId: string;
  readonly backupPolicyId: string;
  readonly vcpu: number;
  readonly ramGb: number;
  readonly disksSizeGb: number;
  readonly toolsState: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

/** The columns of {@link MachineRow}, with the table's alias in front of each. */
export function machineColumns(prefix: string): string {
  const names = {
    id: 'id',
    name: 'name',
    status: 'status',
    zoneId: 'zone_id',
    imageId: 'image_id',
    familyId: 'family_id',
    backupPolicyId: 'backup_policy_id',
    vcpu: 'vcpu',
    ramGb: 'ram_gb',
    disksSizeGb: 'disks_size_gb',
    toolsState: 'tools_state',
    createdAt: 'created_at',
    updatedAt: 'updated_at',
  } as const satisfies Record<keyof MachineRow, string>;
  return Object.entries(names)
    .map(([member, column]) => `${prefix}${column} as "${member}"`)
    .join(', ');
}

export const findMachine = statement<[id: string], MachineRow>(
  'machine_find',
  `select ${machineColumns('')} from machines where id = $1`,
);

export const machineExists = statement<[id: string], { id: string }>(
  'machine_exists',
  `select id from machines where id = $1`,
);

export interface NewAdapter {
  readonly id: string;
  readonly networkId: string;
  readonly deviceIndex: number;
  readonly macAddress: string;
}

/** The machine, its seed, its system disk and its adapters in one statement: one round trip instead of six. */
export const insertMachine = statement<
  [
    id: string,
    tenantId: string,
    name: string,
    zoneId: string,
    imageId: string,
    imageVersionId: string,
    familyId: string,
    backupPolicyId: string,
    vcpu: number,
    ramGb: number,
    power: 'on' | 'off',
    userData: string | null,
    networkConfig: string | null,
    volumeId: string,
    storageTypeId: string,
    volumeGib: number,
    adapters: string,
  ]
>(
  'machine_insert',
  `with machine as (
     insert into machines (id, tenant_id, name, zone_id, image_id, image_version_id, family_id, backup_policy_id, vcpu, ram_gb,
       disks_size_gb, status, power_wanted)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $16, 'creating', $11)),
   seed as (insert into machine_seeds (machine_id, tenant_id, user_data, network_config) values ($1, $2, $12, $13)),
   tools as (insert into tools_intervals (tenant_id, machine_id, state, from_at) values ($2, $1, 'unknown', now())),
   volume as (
     insert into volumes (id, tenant_id, machine_id, storage_type_id, position, label, size_gib, is_primary, image_version_id)
     values ($14, $2, $1, $15, 0, 'system', $16, true, $6))
   insert into adapters (id, tenant_id, machine_id, network_id, device_index, mac_address, provision_status)
   select a.id, $2, $1, a."networkId", a."deviceIndex", a."macAddress", 'provisioning'
   from jsonb_to_recordset($17::jsonb) as a(id uuid, "networkId" uuid, "deviceIndex" integer, "macAddress" text)`,
);

/** What operations need to know of a machine. */
export interface MachinePlanRow {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly status: MachineStatus;
  readonly power: 'on' | 'off';
  readonly zoneId: string;
  readonly zoneName: string;
  readonly familyId: string;
  readonly hostId: string | null;
  readonly generation: number;
  readonly vcpu: number;
  readonly ramGb: number;
  readonly dedicated: boolean;
  readonly cpuWeight: number;
  readonly backupPolicyId: string;
}
const planColumns = `m.id, m.tenant_id as "tenantId", m.name, m.status, m.power_wanted as power, m.zone_id as "zoneId", z.name as "zoneName",
  m.family_id as "familyId", m.host_id as "hostId", m.generation, m.vcpu, m.ram_gb as "ramGb",
  f.cpu_policy = 'dedicated' as dedicated, f.cpu_weight as "cpuWeight", m.backup_policy_id as "backupPolicyId"`;
const planTables = `machines m join zones z on z.id = m.zone_id join families f on f.id = m.family_id`;

export const planMachine = statement<[id: string], MachinePlanRow>(
  'machine_plan',
  `select ${planColumns} from ${planTables} where m.id = $1`,
);
/** The same, and nobody else may change the machine until the transaction ends. */
export const lockMachine = statement<[id: string], MachinePlanRow>(
  'machine_lock',
  `select ${planColumns} from ${planTables} where m.id = $1 for update of m`,
);

export const setHost = statement<[id: string, hostId: string]>(
  'machine_set_host',
  `update machines set host_id = $2 where id = $1`,
);

/** A new wanted state; the generation tells the agent that it is newer. */
export const setPower = statement<[id: string, power: 'on' | 'off', status: MachineStatus]>(
  'machine_set_power',
  `update machines set power_wanted = $2, status = $3, generation = generation + 1, updated_at = now() where id = $1`,
);
export const setStatus = statement<[id: string, status: MachineStatus]>(
  'machine_set_status',
  `update machines set status = $2, updated_at = now() where id = $1`,
);
export const setSize = statement<[id: string, vcpu: number, ramGb: number, hostId: string]>(
  'machine_set_size',
  `update machines set vcpu = $2, ram_gb = $3, host_id = $4, generation = generation + 1, updated_at = now() where id = $1`,
);
export const setMetadata = statement<[id: string, name: string, backupPolicyId: string]>(
  'machine_set_metadata',
  `update machines set name = $2, backup_policy_id = $3, generation = generation + 1, updated_at = now() where id = $1`,
);
/** Anything else that is part of the wanted state changed. */
export const touchMachine = statement<[id: string]>(
  'machine_touch',
  `update machines set generation = generation + 1, updated_at = now() where id = $1`,
);

/** Back from a transitional status to the one that goes with the wanted power. */
export const settleStatus = statement<[id: string, passing: MachineStatus]>(
  'machine_settle_status',
  `update machines set status = case power_wanted when 'on' then 'running' else 'stopped' end, updated_at = now()
   where id = $1 and status = $2`,
);
/** A machine that has been started has its seed; until then it may still be moved to a host that has none. */
export const eraseSeedSecrets = statement<[machineId: string]>(
  'machine_erase_seed_secrets',
  `update machine_seeds set user_data = null where machine_id = $1 and user_data is not null`,
);

/** The machine is there: it shows as it is. */
export const finishMachine = statement<[id: string]>(
  'machine_finish',
  `with adapters as (update adapters set provision_status = 'provisioned' where machine_id = $1),
     volumes as (update volumes set ready = true where machine_id = $1),
     secrets as (
       update machine_seeds s set user_data = null from machines m
       where s.machine_id = $1 and m.id = $1 and m.power_wanted = 'on')
   update machines set status = case power_wanted when 'on' then 'running' else 'stopped' end, updated_at = now() where id = $1`,
);
