/** SQL of what is observed of guests: tools (TOL-05), addresses, operating system, events. */
import { statement } from '../database/statement.ts';

export interface GuestRow {
  readonly hostId: string | null;
  readonly toolsState: 'ok' | 'outdated' | 'disabled' | 'absent' | 'unknown';
  readonly toolsSince: Date;
  readonly toolsVersion: string | null;
  readonly os: Record<string, string> | null;
  readonly addresses: { macAddress: string; ipv4: string[]; ipv6: string[] }[];
}
export const findGuest = statement<[id: string], GuestRow>(
  'guest_find',
  `select host_id as "hostId", tools_state as "toolsState", tools_since as "toolsSince", tools_version as "toolsVersion", os,
     coalesce((select jsonb_agg(jsonb_build_object('macAddress', a.mac_address,
       'ipv4', case when a.guest_ipv4 is null then '[]'::jsonb else jsonb_build_array(a.guest_ipv4) end,
       'ipv6', case when a.guest_ipv6 is null then '[]'::jsonb else jsonb_build_array(a.guest_ipv6) end) order by a.device_index)
       from adapters a where a.machine_id = m.id), '[]') as addresses
   from machines m where m.id = $1`,
);

export const listIntervals = statement<
  [machineId: string],
  { state: GuestRow['toolsState']; from: Date; to: Date | null }
>(
  'tools_interval_list',
  `select state, from_at as "from", to_at as "to" from tools_intervals where machine_id = $1 order by from_at, id`,
);

/** A new tools state: closes the open interval and opens the next. Nothing happens when it is the present one. */
export const recordTools = statement<[machineId: string, state: string, since: Date, version: string | null]>(
  'tools_record',
  `with machine as (
     update machines set tools_state = $2, tools_since = $3, tools_version = $4 where id = $1 and tools_state <> $2 returning id, tenant_id),
   closed as (
     update tools_intervals i set to_at = greatest($3, i.from_at) from machine m where i.machine_id = m.id and i.to_at is null returning 1)
   insert into tools_intervals (tenant_id, machine_id, state, from_at)
   -- Reading what was closed makes the closing come first: only one interval of a machine may be open.
   select tenant_id, id, $2, $3 from machine where (select count(*) from closed) >= 0`,
);

export const recordGuest = statement<[machineId: string, os: string | null, version: string | null]>(
  'guest_record',
  `update machines set os = coalesce($2::jsonb, os), tools_version = coalesce($3, tools_version) where id = $1`,
);

export const recordAddress = statement<
  [machineId: string, macAddress: string, ipv4: string | null, ipv6: string | null]
>(
  'guest_address',
  `update adapters set guest_ipv4 = $3, guest_ipv6 = $4
   where machine_id = $1 and mac_address = $2 and (guest_ipv4 is distinct from $3 or guest_ipv6 is distinct from $4)`,
);
