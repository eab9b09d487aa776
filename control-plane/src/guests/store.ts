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

/**
 * What a host reports of a machine, in one statement, so that its row is locked for a moment only:
 * power, when nobody is at work on the machine and host and generation are the present ones (a guest that switched itself off is
 * stopped, and stays so until somebody starts it); tools, with the interval that ends and the one that begins; operating system.
 */
export const recordReport = statement<
  [
    machineId: string,
    hostId: string,
    generation: number,
    power: 'on' | 'off',
    toolsState: string,
    toolsSince: Date,
    toolsVersion: string | null,
    os: string | null,
  ]
>(
  'guest_report',
  `with before as (
     select m.id, m.tenant_id, m.tools_state <> $5 as tools_changed,
       m.host_id = $2 and m.generation = $3 and m.status in ('running', 'stopped')
         and m.status <> case $4 when 'on' then 'running' else 'stopped' end
         and not exists (select 1 from activities a where a.resource_id = m.id and a.state in ('waiting', 'running')) as settles
     from machines m where m.id = $1 for no key update),
   machine as (
     update machines m set
       status = case when b.settles then case $4 when 'on' then 'running' else 'stopped' end else m.status end,
       power_wanted = case when b.settles then $4 else m.power_wanted end,
       updated_at = case when b.settles then now() else m.updated_at end,
       tools_state = $5, tools_since = case when b.tools_changed then $6 else m.tools_since end,
       tools_version = coalesce($7, m.tools_version), os = coalesce($8::jsonb, m.os)
     from before b
     -- An operation that began in between has raised the generation; then this is old news.
     where m.id = b.id and (not b.settles or m.generation = $3) and (b.settles or b.tools_changed or m.os is distinct from coalesce($8::jsonb, m.os)
       or m.tools_version is distinct from coalesce($7, m.tools_version))),
   closed as (
     update tools_intervals i set to_at = greatest($6, i.from_at) from before b
     where b.tools_changed and i.machine_id = b.id and i.to_at is null returning 1)
   insert into tools_intervals (tenant_id, machine_id, state, from_at)
   -- Reading what was closed makes the closing come first: only one interval of a machine may be open.
   select b.tenant_id, b.id, $5, $6 from before b where b.tools_changed and (select count(*) from closed) >= 0
   on conflict do nothing`,
);

export const recordAddress = statement<
  [machineId: string, macAddress: string, ipv4: string | null, ipv6: string | null]
>(
  'guest_address',
  `update adapters set guest_ipv4 = $3, guest_ipv6 = $4
   where machine_id = $1 and mac_address = $2 and (guest_ipv4 is distinct from $3 or guest_ipv6 is distinct from $4)`,
);
