/** SQL of tombstones: what is still to be removed on an agent that was away. */
import { statement } from '../database/statement.ts';

export type TombstoneKind = 'machine' | 'volume' | 'snapshot' | 'port';

export interface Grave {
  readonly kind: TombstoneKind;
  readonly id: string;
  /** Null for ports, which the data path as a whole holds. */
  readonly agentId: string | null;
}

export const insertTombstone = statement<[kind: TombstoneKind, id: string, agentId: string | null]>(
  'tombstone_insert',
  `insert into tombstones (kind, id, agent_id) values ($1, $2, $3) on conflict do nothing`,
);

/** Everything that a machine may have left anywhere, for an operation whose undo could not be finished. */
export const buryMachine = statement<[machineId: string]>(
  'tombstone_bury_machine',
  `insert into tombstones (kind, id, agent_id)
   select 'machine', id, host_id from machines where id = $1 and host_id is not null
   union all select 'volume', v.id, p.array_id from volumes v join pools p on p.id = v.pool_id where v.machine_id = $1
   union all select 'port', id, null from adapters where machine_id = $1 and ipv4 is not null
   on conflict do nothing`,
);
export const buryVolume = statement<[volumeId: string]>(
  'tombstone_bury_volume',
  `insert into tombstones (kind, id, agent_id)
   select 'volume', v.id, p.array_id from volumes v join pools p on p.id = v.pool_id where v.id = $1
   on conflict do nothing`,
);

/** The oldest of every agent that answers, so that one that is gone for good holds nobody up. */
export const listTombstones = statement<[perAgent: number], Grave>(
  'tombstone_list',
  `select kind, id, agent_id as "agentId" from (
     select t.*, row_number() over (partition by t.agent_id order by t.created_at) as number
     from tombstones t left join hosts h on h.id = t.agent_id left join arrays a on a.id = t.agent_id
     where coalesce(h.reachable, a.reachable, true)) t
   where number <= $1 order by created_at`,
);
export const removeTombstone = statement<[kind: TombstoneKind, id: string, agentId: string | null]>(
  'tombstone_remove',
  `delete from tombstones where kind = $1 and id = $2 and agent_id is not distinct from $3`,
);
/** The machine has come to live on that host again. */
export const livesThere = statement<[machineId: string, hostId: string], { id: string }>(
  'tombstone_lives_there',
  `select id from machines where id = $1 and host_id = $2`,
);
