/** SQL of tasks. */
import { statement } from '../database/statement.ts';

export interface TaskRow {
  readonly id: string;
  readonly machineId: string;
  readonly kind: string;
  readonly state: 'waiting' | 'running' | 'completed' | 'failed';
  readonly status: string | null;
  readonly reason: string | null;
  readonly failureCode: string | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly stoppedAt: Date | null;
}
const columns = `id, resource_id as "machineId", kind, state, status, reason, failure_code as "failureCode",
  created_at as "createdAt", started_at as "startedAt", stopped_at as "stoppedAt"`;

export const listTasks = statement<[tenantId: string, machineId: string | null, limit: number], TaskRow>(
  'task_list',
  `select ${columns} from activities where tenant_id = $1 and ($2::uuid is null or resource_id = $2) order by seq desc limit $3`,
);
export const findTask = statement<[id: string], TaskRow>(
  'task_find',
  `select ${columns} from activities where id = $1`,
);
export const resourceOfTenant = statement<[machineId: string], { id: string }>(
  'task_resource',
  `select id from machines where id = $1`,
);
