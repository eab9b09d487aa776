/**
 * SQL of reservation: everything that a new machine takes, in one statement, and everything that it gives back, in another.
 *
 * The rows of quota, network and pool are what all creates of a tenant meet at. As one statement they are locked for as long as the
 * server works on it, not for as many round trips as there are rows (62 → over 100 creates per second at 64 clients, measured).
 * The host is waited for and not skipped: whoever holds one waits for the quota, and with more creates than hosts none would be left.
 * When any part finds no room the statement fails as a whole (SQLSTATE BA001), and the slow way finds out which and says so.
 */
import { statement } from '../database/statement.ts';

export const reserveAtOnce = statement<[machineId: string], { hostId: string }>(
  'reserve_at_once',
  `with machine as (
     select m.id, m.tenant_id, m.zone_id, m.vcpu, m.ram_gb, f.cpu_policy = 'dedicated' as dedicated
     from machines m join families f on f.id = m.family_id where m.id = $1 and m.host_id is null for update of m),
   host as (
     update hosts h set
       vcpus_reserved = h.vcpus_reserved + m.vcpu * case when m.dedicated then h.overcommit else 1 end,
       memory_reserved_mib = h.memory_reserved_mib + m.ram_gb * 1024
     from machine m
     where h.id = (
       select c.id from hosts c, machine n
       where c.zone_id = n.zone_id and c.state = 'ready' and c.reachable
         and c.vcpus_reserved + n.vcpu * case when n.dedicated then c.overcommit else 1 end <= c.cores * c.overcommit
         and c.memory_reserved_mib + n.ram_gb * 1024 <= c.memory_mib
       order by c.memory_reserved_mib::float8 / c.memory_mib, c.vcpus_reserved, c.id limit 1 for update of c)
     returning h.id),
   wanted as (
     select a.id, a.network_id, row_number() over (partition by a.network_id order by a.device_index) as number
     from adapters a join machine m on a.machine_id = m.id where a.ipv4 is null),
   range as (
     update networks n set next_host = n.next_host + w.count
     from (select network_id, count(*) as count from wanted group by network_id) w
     where n.id = w.network_id and n.next_host + w.count <= (broadcast(n.cidr)::inet - network(n.cidr)::inet)
     returning n.id, network(n.cidr)::inet + (n.next_host - w.count - 1) as before_first),
   addressed as (
     update adapters a set ipv4 = r.before_first + w.number, plugged = true
     from wanted w join range r on r.id = w.network_id where a.id = w.id returning a.id),
   volume as (
     select v.id, v.size_gib, v.storage_type_id from volumes v join machine m on v.machine_id = m.id where v.pool_id is null),
   pool as (
     update pools p set allocated_gib = p.allocated_gib + v.size_gib from volume v
     where p.id = (
       select c.id from pools c join arrays r on r.id = c.array_id, machine n, volume u
       where r.zone_id = n.zone_id and r.reachable and c.storage_type_id = u.storage_type_id
         and c.allocated_gib + u.size_gib <= c.size_gib
       order by c.allocated_gib::float8 / c.size_gib, c.id limit 1 for update of c)
     returning p.id),
   placed as (update volumes v set pool_id = p.id from volume u, pool p where v.id = u.id returning v.id),
   usage as (
     update tenant_usage u set vcpu_used = vcpu_used + m.vcpu, ram_used_mb = ram_used_mb + m.ram_gb * 1024,
       storage_used_gb = storage_used_gb + v.size_gib, machine_count = machine_count + 1
     from machine m, volume v, quotas q
     where u.tenant_id = m.tenant_id and q.tenant_id = m.tenant_id and vcpu_used + m.vcpu <= q.vcpu_limit
       and ram_used_mb + m.ram_gb * 1024 <= q.ram_limit_mb and storage_used_gb + v.size_gib <= q.storage_limit_gb
     returning u.tenant_id),
   settled as (update machines m set host_id = h.id from host h where m.id = $1 returning m.id)
   select complete_or_fail(
     (select id from host),
     (select count(*) from host) = 1 and (select count(*) from placed) = (select count(*) from volume)
       and (select count(*) from volume) = 1 and (select count(*) from addressed) = (select count(*) from wanted)
       and (select count(*) from usage) = 1 and (select count(*) from settled) = 1) as "hostId"
   from machine`,
);

/** Removes every row of a machine and gives back what it held: quota, capacity of host and pools, addresses. */
export const forgetMachine = statement<[machineId: string]>(
  'machine_forget',
  `with machine as (
     select m.id, m.tenant_id, m.host_id, m.vcpu, m.ram_gb, f.cpu_policy = 'dedicated' as dedicated
     from machines m join families f on f.id = m.family_id where m.id = $1 for update of m),
   snapshot as (delete from snapshots s using machine m where s.machine_id = m.id),
   adapter as (delete from adapters a using machine m where a.machine_id = m.id returning a.network_id, a.ipv4),
   address as (
     insert into free_addresses (network_id, ipv4) select network_id, ipv4 from adapter where ipv4 is not null
     on conflict do nothing),
   volume as (delete from volumes v using machine m where v.machine_id = m.id returning v.pool_id, v.size_gib),
   gone as (delete from machines d using machine m where d.id = m.id),
   host as (
     update hosts h set
       vcpus_reserved = h.vcpus_reserved - m.vcpu * case when m.dedicated then h.overcommit else 1 end,
       memory_reserved_mib = h.memory_reserved_mib - m.ram_gb * 1024
     from machine m where h.id = m.host_id returning 1),
   pool as (
     update pools p set allocated_gib = p.allocated_gib - v.gib
     from (select pool_id, sum(size_gib) as gib from volume where pool_id is not null group by pool_id) v
     where p.id = v.pool_id returning 1)
   -- Reading what host and pool gave back makes them come first, as everywhere: no two transactions wait for each other.
   -- Quota and host were taken together, so a machine without a host holds neither.
   update tenant_usage u set vcpu_used = vcpu_used - m.vcpu, ram_used_mb = ram_used_mb - m.ram_gb * 1024,
     storage_used_gb = storage_used_gb - (select coalesce(sum(size_gib), 0) from volume where pool_id is not null),
     machine_count = machine_count - 1
   from machine m where u.tenant_id = m.tenant_id and m.host_id is not null
     and (select count(*) from host) >= 0 and (select count(*) from pool) >= 0`,
);
