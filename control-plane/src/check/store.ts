/** SQL of the consistency check: what the database says there is, and its counters beside what they should be. */
import { statement } from '../database/statement.ts';
import type { ExpectedMachine, ExpectedPort, ExpectedSnapshot, ExpectedVolume } from './rules.ts';

export const expectedMachines = statement<[], ExpectedMachine>(
  'check_machines',
  `select m.id, m.name, m.host_id as "hostId", m.status, m.generation,
     exists (select 1 from activities a where a.resource_id = m.id and a.state in ('waiting', 'running')) as busy
   from machines m`,
);

export const expectedVolumes = statement<[], ExpectedVolume>(
  'check_volumes',
  `select v.id, v.machine_id as "machineId", p.array_id as "arrayId", v.size_gib::int8 * 1073741824 as "sizeBytes",
     exists (select 1 from activities a where a.resource_id = v.machine_id and a.state in ('waiting', 'running')) as busy
   from volumes v left join pools p on p.id = v.pool_id`,
);

export const expectedSnapshots = statement<[], ExpectedSnapshot>(
  'check_snapshots',
  `select s.id, s.volume_ids as "volumeIds",
     exists (select 1 from activities a where a.resource_id = s.machine_id and a.state in ('waiting', 'running')) as busy
   from snapshots s`,
);

export const expectedPorts = statement<[], ExpectedPort>(
  'check_ports',
  `select d.id, d.network_id as "networkId",
     exists (select 1 from activities a where a.resource_id = d.machine_id and a.state in ('waiting', 'running')) as busy
   from adapters d where d.plugged`,
);

export const graves = statement<[], { kind: string; id: string }>('check_graves', `select kind, id from tombstones`);

/** Counters that are kept in transactions, beside the sums they stand for; only those that differ. */
export const wrongCounters = statement<[], { what: string; kept: number; should: number }>(
  'check_counters',
  `with machine as (
     select m.*, f.cpu_policy = 'dedicated' as dedicated from machines m join families f on f.id = m.family_id),
   counter as (
     select 'vCPU reserved on ' || h.name as what, h.vcpus_reserved as kept,
       coalesce((select sum(m.vcpu * case when m.dedicated then h.overcommit else 1 end) from machine m where m.host_id = h.id), 0) as should
     from hosts h
     union all
     select 'MiB reserved on ' || h.name, h.memory_reserved_mib,
       coalesce((select sum(m.ram_gb::int8 * 1024) from machine m where m.host_id = h.id), 0) from hosts h
     union all
     select 'GiB allocated in ' || p.name, p.allocated_gib,
       coalesce((select sum(v.size_gib) from volumes v where v.pool_id = p.id), 0) from pools p
     union all
     select 'vCPU used by tenant ' || t.name, u.vcpu_used,
       coalesce((select sum(m.vcpu) from machines m where m.tenant_id = t.id and m.host_id is not null), 0)
     from tenant_usage u join tenants t on t.id = u.tenant_id
     union all
     select 'MB of memory used by tenant ' || t.name, u.ram_used_mb,
       coalesce((select sum(m.ram_gb::int8 * 1024) from machines m where m.tenant_id = t.id and m.host_id is not null), 0)
     from tenant_usage u join tenants t on t.id = u.tenant_id
     union all
     select 'GB of storage used by tenant ' || t.name, u.storage_used_gb,
       coalesce((select sum(v.size_gib) from volumes v where v.tenant_id = t.id and v.pool_id is not null), 0)
     from tenant_usage u join tenants t on t.id = u.tenant_id
     union all
     select 'machines of tenant ' || t.name, u.machine_count,
       (select count(*) from machines m where m.tenant_id = t.id and m.host_id is not null)
     from tenant_usage u join tenants t on t.id = u.tenant_id)
   select what, kept::int8, should::int8 from counter where kept <> should order by what`,
);

export const openActivities = statement<[olderThanSeconds: number], { id: string; kind: string; state: string }>(
  'check_open_activities',
  `select id, kind, state from activities where state in ('waiting', 'running') and created_at < now() - make_interval(secs => $1) order by seq`,
);
