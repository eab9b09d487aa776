/** SQL of tombstones: what is still to be removed on an agent that was away. */
import { statement } from '../database/statement.ts';

export type TombstoneKind = 'machine' | 'volume' | 'snapshot' | 'port';

export const insertTombstone = statement<[kind: TombstoneKind, id: string, agentId: string | null]>(
  'tombstone_insert',
  `insert into tombstones (kind, id, agent_id) values ($1, $2, $3) on conflict do nothing`,
);
export const listTombstones = statement<[limit: number], { kind: TombstoneKind; id: string; agentId: string | null }>(
  'tombstone_list',
  `select kind, id, agent_id as "agentId" from tombstones order by created_at limit $1`,
);
export const removeTombstone = statement<[kind: TombstoneKind, id: string]>(
  'tombstone_remove',
  `delete from tombstones where kind = $1 and id = $2`,
);
