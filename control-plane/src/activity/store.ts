/** SQL of activities (API-03, API-04). */
import { statement } from '../database/statement.ts';

export interface ActivityRow {
  readonly id: string;
  readonly tenantId: string;
  readonly description: string;
  readonly type: string;
  readonly tags: string[];
  readonly createdAt: Date;
  readonly concerned: { type: string; id: string }[];
  readonly state: 'waiting' | 'running' | 'completed' | 'failed';
  readonly status: string | null;
  readonly progression: number;
  readonly startedAt: Date | null;
  readonly stoppedAt: Date | null;
  readonly reason: string | null;
  readonly result: string | null;
  readonly initiatorId: string | null;
}

const columns = `id, tenant_id as "tenantId", description, type, tags, created_at as "createdAt", concerned, state, status,
  progression, started_at as "startedAt", stopped_at as "stoppedAt", reason, result, initiator_id as "initiatorId"`;

export const findActivity = statement<[id: string], ActivityRow>(
  'activity_find',
  `select ${columns} from activities where id = $1`,
);

export const listActivities = statement<[tenantId: string, limit: number], ActivityRow>(
  'activity_list',
  `select ${columns} from activities where tenant_id = $1 order by seq desc limit $2`,
);

export const insertActivity = statement<
  [
    id: string,
    tenantId: string,
    resourceId: string,
    kind: string,
    type: string,
    description: string,
    initiatorId: string | null,
    state: 'waiting' | 'running',
    concerned: string,
    input: string,
  ]
>(
  'activity_insert',
  `insert into activities (id, tenant_id, resource_id, kind, type, description, initiator_id, state, started_at, concerned, input)
   values ($1, $2, $3, $4, $5, $6, $7, $8, case when $8 = 'running' then now() end, $9::jsonb, $10::jsonb)`,
);

export const insertAuditEntry = statement<
  [
    tenantId: string,
    organisationId: string,
    actorId: string,
    tokenId: string,
    sourceIp: string,
    requestId: string,
    operation: string,
    resourceId: string,
    activityId: string,
  ]
>(
  'audit_insert',
  `insert into audit_entries (tenant_id, organisation_id, actor_id, token_id, source_ip, request_id, operation, resource_id, outcome, activity_id)
   values ($1, $2, $3, $4, $5, $6, $7, $8, 'accepted', $9)`,
);

export const loadRunning = statement<
  [id: string],
  { tenantId: string; resourceId: string; kind: string; attempt: number; input: Record<string, unknown> }
>(
  'activity_load_running',
  `select tenant_id as "tenantId", resource_id as "resourceId", kind, attempt, input from activities where id = $1 and state = 'running'`,
);

/** Takes the oldest open activity of a resource into work, unless one is running. */
export const takeNext = statement<[resourceId: string], { id: string; attempt: number }>(
  'activity_take_next',
  `update activities set state = 'running', started_at = now()
   where state = 'waiting' and id = (
     select id from activities where resource_id = $1 and state in ('waiting', 'running') order by seq limit 1)
   returning id, attempt`,
);

export const setProgress = statement<[id: string, status: string, percent: number]>(
  'activity_progress',
  `update activities set status = $2, progression = greatest(progression, $3) where id = $1 and state = 'running'`,
);

export const setCompleted = statement<[id: string, result: string | null, concerned: string]>(
  'activity_completed',
  `update activities set state = 'completed', stopped_at = now(), progression = 100, status = null, result = $2, concerned = $3::jsonb
   where id = $1 and state = 'running'`,
);

export const setFailed = statement<[id: string, code: string, reason: string]>(
  'activity_failed',
  `update activities set state = 'failed', stopped_at = now(), status = null, failure_code = $2, reason = $3
   where id = $1 and state = 'running'`,
);

/** Resources with an activity that waits although none is running: a dispatch was lost with its process. */
export const listStalled = statement<[limit: number], { resourceId: string }>(
  'activity_list_stalled',
  `select distinct a.resource_id as "resourceId" from activities a
   where a.state = 'waiting' and a.created_at < now() - interval '2 seconds'
     and not exists (select 1 from activities b where b.resource_id = a.resource_id and b.state = 'running')
   limit $1`,
);

export const listRunning = statement<[olderThanSeconds: number, limit: number], { id: string; attempt: number }>(
  'activity_list_running',
  `select id, attempt from activities where state = 'running' and started_at < now() - make_interval(secs => $1) order by seq limit $2`,
);

export const nextAttempt = statement<[id: string, attempt: number], { attempt: number }>(
  'activity_next_attempt',
  `update activities set attempt = attempt + 1 where id = $1 and attempt = $2 and state = 'running' returning attempt`,
);

export const deleteOldActivities = statement<[olderThanDays: number, limit: number]>(
  'activity_delete_old',
  `delete from activities where id in (
     select id from activities where state in ('completed', 'failed') and stopped_at < now() - make_interval(days => $1) limit $2)`,
);
