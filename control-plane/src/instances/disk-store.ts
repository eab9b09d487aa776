/** SQL of disks (volumes of machines). */
import { statement } from '../database/statement.ts';

export interface DiskRow {
  readonly id: string;
  readonly position: number;
  readonly label: string;
  readonly sizeGib: number;
  readonly storageTypeId: string;
  readonly isPrimary: boolean;
}
const columns = `id, position, label, size_gib as "sizeGib", storage_type_id as "storageTypeId", is_primary as "isPrimary"`;

export const listDisks = statement<[machineId: string], DiskRow>(
  'disk_list',
  `select ${columns} from volumes where machine_id = $1 and ready order by position`,
);
export const findDisk = statement<[machineId: string, id: string], DiskRow>(
  'disk_find',
  `select ${columns} from volumes where machine_id = $1 and id = $2 and ready`,
);

export interface VolumeRow {
  readonly id: string;
  readonly tenantId: string;
  readonly poolId: string | null;
  readonly storageTypeId: string;
  readonly storageTypeName: string;
  readonly position: number;
  readonly sizeGib: number;
  readonly isPrimary: boolean;
  readonly imageVersionId: string | null;
  readonly plugged: boolean;
  readonly ready: boolean;
}
const volumeColumns = `v.id, v.tenant_id as "tenantId", v.pool_id as "poolId", v.storage_type_id as "storageTypeId",
  t.name as "storageTypeName", v.position, v.size_gib as "sizeGib", v.is_primary as "isPrimary",
  v.image_version_id as "imageVersionId", v.plugged, v.ready`;
const volumeTables = `volumes v join storage_types t on t.id = v.storage_type_id`;

export const volumesOfMachine = statement<[machineId: string], VolumeRow>(
  'volume_of_machine',
  `select ${volumeColumns} from ${volumeTables} where v.machine_id = $1 order by v.position`,
);
export const findVolume = statement<[id: string], VolumeRow>(
  'volume_find',
  `select ${volumeColumns} from ${volumeTables} where v.id = $1`,
);

/** A further disk, at the first free position from 1 to 16 (INS-11). No row when all are taken. */
export const insertVolume = statement<
  [id: string, tenantId: string, machineId: string, storageTypeId: string, label: string | null, sizeGib: number],
  { position: number }
>(
  'volume_insert',
  `insert into volumes (id, tenant_id, machine_id, storage_type_id, position, label, size_gib, is_primary)
   select $1, $2, $3, $4, p.position, coalesce($5, 'disk-' || p.position), $6, false
   from generate_series(1, 16) as p(position)
   where not exists (select 1 from volumes v where v.machine_id = $3 and v.position = p.position)
   order by p.position limit 1
   returning position`,
);
export const setVolumePool = statement<[id: string, poolId: string]>(
  'volume_set_pool',
  `update volumes set pool_id = $2 where id = $1`,
);
export const setVolumeEndpoint = statement<[id: string, nbd: string]>(
  'volume_set_endpoint',
  `update volumes set nbd = $2::jsonb, plugged = true where id = $1`,
);
export const setVolumePlugged = statement<[id: string, plugged: boolean]>(
  'volume_set_plugged',
  `update volumes set plugged = $2 where id = $1`,
);
/** The disk is there, or has its new size; the machine's sum follows every disk change. */
export const finishVolume = statement<[id: string, sizeGib: number]>(
  'volume_finish',
  `with volume as (update volumes set ready = true, size_gib = $2 where id = $1 returning machine_id)
   update machines m set updated_at = now(), disks_size_gb = $2 + (
     select coalesce(sum(v.size_gib), 0) from volumes v where v.machine_id = m.id and v.ready and v.id <> $1)
   from volume where m.id = volume.machine_id`,
);
export const removeVolume = statement<[id: string]>(
  'volume_remove',
  `with volume as (delete from volumes where id = $1 returning machine_id)
   update machines m set updated_at = now(), disks_size_gb = (
     select coalesce(sum(v.size_gib), 0) from volumes v where v.machine_id = m.id and v.ready and v.id <> $1)
   from volume where m.id = volume.machine_id`,
);
