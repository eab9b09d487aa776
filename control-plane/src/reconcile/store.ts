/** SQL of the reconcilers. */
import { statement } from '../database/statement.ts';

export const setHostSeen = statement<[id: string, observed: string]>(
  'host_seen',
  `update hosts set reachable = true, last_seen_at = now(), observed = $2::jsonb where id = $1`,
);
export const setHostAway = statement<[id: string]>(
  'host_away',
  `update hosts set reachable = false where id = $1 and reachable`,
);
export const setHostCursor = statement<[id: string, epoch: string, cursor: number]>(
  'host_cursor',
  `update hosts set event_epoch = $2, event_cursor = $3 where id = $1`,
);
export const setArraySeen = statement<[id: string, observed: string]>(
  'array_seen',
  `update arrays set reachable = true, last_seen_at = now(), observed = $2::jsonb where id = $1`,
);
export const setArrayAway = statement<[id: string]>(
  'array_away',
  `update arrays set reachable = false where id = $1 and reachable`,
);

/** A machine as the database knows it, for comparison with what a host holds. `busy`: an operation is at work on it. */
export interface KnownMachineRow {
  readonly id: string;
  readonly hostId: string | null;
  readonly generation: number;
  readonly status: string;
  readonly power: 'on' | 'off';
  readonly toolsState: string;
  readonly busy: boolean;
}
const knownColumns = `m.id, m.host_id as "hostId", m.generation, m.status, m.power_wanted as power, m.tools_state as "toolsState",
  m.status in ('creating', 'deleting')
    or exists (select 1 from activities a where a.resource_id = m.id and a.state in ('waiting', 'running')) as busy`;
export const knownOnHost = statement<[hostId: string], KnownMachineRow>(
  'known_on_host',
  `select ${knownColumns} from machines m where m.host_id = $1`,
);
export const knownById = statement<[ids: string[]], KnownMachineRow>(
  'known_by_id',
  `select ${knownColumns} from machines m where m.id = any($1)`,
);

export const insertEvent = statement<[machineId: string, at: Date, type: string, detail: string]>(
  'machine_event_insert',
  `insert into machine_events (tenant_id, machine_id, at, type, detail)
   select tenant_id, id, $2, $3, $4::jsonb from machines where id = $1 on conflict do nothing`,
);

export const beat = statement<[name: string, version: string, startedAt: Date]>(
  'replica_beat',
  `insert into replicas (name, version, started_at, heartbeat_at) values ($1, $2, $3, now())
   on conflict (name) do update set version = $2, started_at = $3, heartbeat_at = now()`,
);
export const deadReplicas = statement<[silentSeconds: number], { name: string }>(
  'replica_dead',
  `select name from replicas where heartbeat_at < now() - make_interval(secs => $1)`,
);
export const removeReplica = statement<[name: string]>('replica_remove', `delete from replicas where name = $1`);
