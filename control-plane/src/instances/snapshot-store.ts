/** SQL of snapshots (SNP). */
import { statement } from '../database/statement.ts';

export interface SnapshotRow {
  readonly id: string;
  readonly machineId: string;
  readonly tenantId: string;
  readonly name: string;
  readonly status: 'creating' | 'available' | 'deleting';
  readonly volumeIds: string[];
  readonly createdAt: Date;
  readonly consistency: 'filesystem' | 'crash' | null;
}
const columns = `id, machine_id as "machineId", tenant_id as "tenantId", name, status, volume_ids as "volumeIds", created_at as "createdAt", consistency`;

export const listSnapshots = statement<[machineId: string], SnapshotRow>(
  'snapshot_list',
  `select ${columns} from snapshots where machine_id = $1 and status <> 'creating' order by created_at, id`,
);
export const findSnapshot = statement<[machineId: string, id: string], SnapshotRow>(
  'snapshot_find',
  `select ${columns} from snapshots where machine_id = $1 and id = $2 and status <> 'creating'`,
);
export const planSnapshot = statement<[id: string], SnapshotRow>(
  'snapshot_plan',
  `select ${columns} from snapshots where id = $1`,
);

export const insertSnapshot = statement<[id: string, tenantId: string, machineId: string, name: string]>(
  'snapshot_insert',
  `insert into snapshots (id, tenant_id, machine_id, name, status) values ($1, $2, $3, $4, 'creating')`,
);
export const setSnapshotVolumes = statement<[id: string, volumeIds: string[]]>(
  'snapshot_set_volumes',
  `update snapshots set volume_ids = $2 where id = $1`,
);
export const setSnapshotConsistency = statement<[id: string, consistency: 'filesystem' | 'crash']>(
  'snapshot_set_consistency',
  `update snapshots set consistency = $2 where id = $1`,
);
export const finishSnapshot = statement<[id: string]>(
  'snapshot_finish',
  `update snapshots set status = 'available' where id = $1`,
);
export const markSnapshot = statement<[id: string, status: 'available' | 'deleting']>(
  'snapshot_mark',
  `update snapshots set status = $2 where id = $1`,
);
export const removeSnapshot = statement<[id: string]>('snapshot_remove', `delete from snapshots where id = $1`);
