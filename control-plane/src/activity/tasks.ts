/** Tasks: the diagnostic view of what the platform did for instances (notes §7.8). Drawn from activities, never followed by anyone. */
import type { VmTask } from '#contract/generated/tenant.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import type { Database, TenantScope } from '../database/database.ts';
import { findTask, listTasks, resourceOfTenant, type TaskRow } from './task-store.ts';

const defaultLimit = 100;

export class TaskService {
  readonly #database: Database;
  constructor(database: Database) {
    this.#database = database;
  }

  /** Newest first. @throws ApiError `not_found` for a machine that the tenant never had */
  async list(scope: TenantScope, machineId: string | null, limit = defaultLimit): Promise<VmTask[]> {
    return this.#database.asTenant(scope, async (session) => {
      const rows = await session.rows(listTasks, scope.tenantId, machineId, limit);
      if (rows.length === 0 && machineId !== null && (await session.first(resourceOfTenant, machineId)) === null)
        throw new ApiError('not_found');
      return rows.map(present);
    });
  }

  /** @throws ApiError `not_found` */
  async get(scope: TenantScope, id: string): Promise<VmTask> {
    const row = await this.#database.asTenant(scope, (session) => session.first(findTask, id));
    if (row === null) throw new ApiError('not_found');
    return present(row);
  }
}

const statusWords = { waiting: 'pending', running: 'running', completed: 'completed', failed: 'failed' } as const;

function present(row: TaskRow): VmTask {
  return {
    id: row.id,
    vmId: row.machineId,
    taskType: row.kind.replace('.', '_').replace('instance_', 'vm_'),
    status: statusWords[row.state],
    message: row.reason ?? row.status,
    failureCode: row.failureCode,
    retriedFromId: null,
    createdAt: row.createdAt.toISOString(),
    updatedAt: (row.stoppedAt ?? row.startedAt ?? row.createdAt).toISOString(),
    completedAt: row.stoppedAt?.toISOString() ?? null,
  };
}
