/** Activities: how a write becomes one, and how they are read (API-03, API-04, notes §6). */
import { setTimeout as delay } from 'node:timers/promises';
import type { Activity, ActivityState } from '#contract/generated/tenant.ts';
import { UUID } from '#libs/contract-runtime/schemas.ts';
import type { Database, Session, TenantScope } from '../database/database.ts';
import type { Ledger } from './ledger.ts';
import { type ActivityRow, findActivity, insertActivity, insertAuditEntry, listActivities } from './store.ts';

/** Who asked, for the activity and the audit entry. */
export interface Initiator extends TenantScope {
  readonly userId: string;
  readonly tokenId: string;
  readonly sourceIp: string;
  readonly requestId: string;
}

export interface ActivityRequest {
  readonly id: string;
  /** Operations on one resource run one at a time, in the order of their activities. */
  readonly resourceId: string;
  readonly kind: string;
  /** operationId of the contract, for the audit entry. */
  readonly operation: string;
  readonly type: string;
  readonly description: string;
  readonly concerned: readonly { readonly type: string; readonly id: string }[];
  readonly input: Readonly<Record<string, unknown>>;
  /** True when the resource is new, so that nothing else can be at work on it: the activity starts as running. */
  readonly fresh: boolean;
}

/** Writes the activity and its audit entry in the transaction of the write. */
export async function recordActivity(session: Session, initiator: Initiator, request: ActivityRequest): Promise<void> {
  await session.run(
    insertActivity,
    request.id,
    initiator.tenantId,
    request.resourceId,
    request.kind,
    request.type,
    request.description,
    initiator.userId,
    request.fresh ? 'running' : 'waiting',
    JSON.stringify(request.concerned),
    JSON.stringify(request.input),
  );
  await session.run(
    insertAuditEntry,
    initiator.tenantId,
    initiator.organisationId,
    initiator.userId,
    initiator.tokenId,
    initiator.sourceIp,
    initiator.requestId,
    request.operation,
    request.resourceId,
    request.id,
  );
}

/** The public shape: exactly one member in `state` (notes §6.1). */
export function presentActivity(row: ActivityRow): Activity {
  return {
    id: row.id,
    tenantId: row.tenantId,
    description: row.description,
    type: row.type,
    tags: row.tags,
    creationDate: row.createdAt.toISOString(),
    concernedItems: row.concerned,
    state: { [row.state]: presentState(row) },
  };
}

function presentState(row: ActivityRow): ActivityState & { status?: string } {
  const startDate = row.startedAt?.toISOString() ?? null;
  const stopDate = row.stoppedAt?.toISOString() ?? null;
  switch (row.state) {
    case 'waiting':
      return {};
    case 'running':
      return { status: row.status ?? 'running', startDate, progression: row.progression };
    case 'completed':
      return { startDate, stopDate, result: row.result, progression: 100 };
    case 'failed':
      return { startDate, stopDate, reason: row.reason, result: null };
  }
}

const listLimit = 1_000;
/** Another replica may end the activity; then nobody tells this process, so it looks again this often. */
const lookAgainMs = 500;

export class ActivityService {
  readonly #database: Database;
  readonly #ledger: Ledger;
  constructor(database: Database, ledger: Ledger) {
    this.#database = database;
    this.#ledger = ledger;
  }

  /** Null also for an id that is no UUID: the contract gives activity ids no format. */
  async find(scope: TenantScope, id: string): Promise<ActivityRow | null> {
    if (!UUID.test(id)) return null;
    return this.#database.asTenant(scope, (session) => session.first(findActivity, id));
  }

  /** The newest 1,000 of the tenant. */
  async list(scope: TenantScope): Promise<ActivityRow[]> {
    return this.#database.asTenant(scope, (session) => session.rows(listActivities, scope.tenantId, listLimit));
  }

  /** Like {@link find}, but waits for the end of the activity for at most `timeoutMs`. */
  async wait(
    scope: TenantScope,
    id: string,
    options: { timeoutMs: number; signal: AbortSignal },
  ): Promise<ActivityRow | null> {
    const until = performance.now() + options.timeoutMs;
    // Watching starts before the row is read, or an end in between would be missed.
    const watch = this.#ledger.watch(id);
    try {
      for (;;) {
        const row = await this.find(scope, id);
        const left = until - performance.now();
        if (row === null || row.state === 'completed' || row.state === 'failed') return row;
        if (left <= 0 || options.signal.aborted) return row;
        const look = new AbortController();
        await Promise.race([
          watch.ended,
          delay(Math.min(left, lookAgainMs), undefined, {
            signal: AbortSignal.any([look.signal, options.signal]),
          }).catch(() => undefined),
        ]);
        look.abort();
      }
    } finally {
      watch.stop();
    }
  }
}
