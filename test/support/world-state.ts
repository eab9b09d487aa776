/** Everything an operation may change, in a form that two runs can be compared by: rows, agents, data path. */
import type { Machine } from '#contract/generated/agent-host.ts';
import type { Volume } from '#contract/generated/agent-array.ts';
import type { OperationWorld } from './operation-world.ts';

/** Reads the state. Times, generations and drawn ids and addresses are left out: they differ between equal runs. */
export async function worldState(world: OperationWorld): Promise<Record<string, unknown>> {
  const { query, parts } = world;
  const [hosts, arrays, inventory] = [
    await query<{ id: string; name: string }>('select id, name from hosts order by name'),
    await query<{ id: string; name: string }>('select id, name from arrays order by name'),
    await parts.network.inventory(),
  ];
  return {
    machines: await query(
      `select m.name, m.status, power_wanted, vcpu, ram_gb, disks_size_gb, host_id is not null as placed, b.name as policy
       from machines m join backup_policies b on b.id = m.backup_policy_id order by 1`,
    ),
    volumes: await query(
      `select m.name, v.position, v.label, v.size_gib, v.ready, v.plugged, v.nbd is not null as exported
       from volumes v join machines m on m.id = v.machine_id order by 1, 2`,
    ),
    adapters: await query(
      `select m.name, a.device_index, n.name as network, a.provision_status, a.plugged, a.ipv4 is not null as addressed
       from adapters a join machines m on m.id = a.machine_id join networks n on n.id = a.network_id order by 1, 2`,
    ),
    snapshots: await query('select name, status, cardinality(volume_ids) as volumes from snapshots order by name'),
    usage: await query(
      'select vcpu_used, ram_used_mb, storage_used_gb, machine_count from tenant_usage order by tenant_id',
    ),
    reserved: await query('select sum(vcpus_reserved)::int as vcpus, sum(memory_reserved_mib)::int as mib from hosts'),
    allocated: await query('select sum(allocated_gib)::int as gib from pools'),
    // Every address ever handed out is in use or waits to be used again.
    addressesLost: await query(
      `select n.name, n.next_host - (select count(*) from adapters a where a.network_id = n.id and a.ipv4 is not null)
         - (select count(*) from free_addresses f where f.network_id = n.id) as lost from networks n where n.name = 'LAN01' order by n.id`,
    ),
    tombstones: await query('select kind from tombstones order by kind'),
    onHosts: await Promise.all(
      hosts.map(async ({ id }) =>
        (await (await parts.agents.host(id)).get<Machine[]>('/v1/machines')).map(({ power, disks, adapters }) => ({
          power,
          disks: disks.length,
          adapters: adapters.length,
        })),
      ),
    ),
    onArrays: await Promise.all(
      arrays.map(async ({ id }) =>
        (await (await parts.agents.array(id)).get<Volume[]>('/v1/volumes'))
          .map(({ sizeBytes, snapshotIds }) => ({ sizeBytes, snapshots: snapshotIds.length }))
          .toSorted((a, b) => a.sizeBytes - b.sizeBytes),
      ),
    ),
    ports: inventory.ports.length,
  };
}
