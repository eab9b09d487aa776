import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { Volume } from '#contract/generated/agent-array.ts';
import type { Machine } from '#contract/generated/agent-host.ts';
import { AgentClient } from '#libs/agent-http/client.ts';
import type { Topology } from '#region/topology.ts';
import type { SimulatedRegion } from './region.ts';

/** Who holds what: `machine <id> on <host>` and `volume <id> on <pool>`, sorted, as the agents and the database have it. */
export interface Inventory {
  readonly agents: readonly string[];
  readonly database: readonly string[];
}

/** Reads every agent and the database, in that order. */
export async function takeInventory(region: SimulatedRegion): Promise<Inventory> {
  const held: string[] = [];
  const { zones } = JSON.parse(readFileSync(join(region.dir, 'topology.json'), 'utf8')) as Topology;
  for (const host of zones.flatMap((zone) => zone.hosts)) {
    for (const { id } of await list<Machine>(region, host.endpoint, '/v1/machines'))
      held.push(`machine ${id} on ${host.name}`);
  }
  for (const array of zones.flatMap((zone) => zone.arrays)) {
    const volumes = await list<Volume>(region, array.endpoint, '/v1/volumes');
    for (const { id, poolId } of volumes) held.push(`volume ${id} on ${poolId}`);
  }
  const rows = await query<{ line: string }>(
    region,
    `select 'machine ' || m.id || ' on ' || coalesce(h.name, 'no host') as line from machines m left join hosts h on h.id = m.host_id
     union all select 'volume ' || id || ' on ' || coalesce(pool_id::text, 'no pool') from volumes`,
  );
  return { agents: held.toSorted(), database: rows.map(({ line }) => line).toSorted() };
}

/** Runs one statement as the database's owner: it sees every tenant. */
export async function query<T extends pg.QueryResultRow>(region: SimulatedRegion, sql: string): Promise<T[]> {
  const client = new pg.Client({ connectionString: region.databaseUrl });
  await client.connect();
  try {
    return (await client.query<T>(sql)).rows;
  } finally {
    await client.end();
  }
}

/** Where the sums that placement goes by differ from the rows they stand for; empty when all is well. */
export async function wrongSums(region: SimulatedRegion): Promise<string[]> {
  const rows = await query<{ line: string }>(
    region,
    `select 'host ' || h.name || ': ' || h.vcpus_reserved || ' vCPU and ' || h.memory_reserved_mib || ' MiB reserved' as line from hosts h
     where not (h.vcpus_reserved, h.memory_reserved_mib) =
       (select coalesce(sum(m.vcpu), 0), coalesce(sum(m.ram_gb), 0) * 1024 from machines m where m.host_id = h.id)
     union all select 'pool ' || p.name || ': ' || p.allocated_gib || ' GiB allocated' from pools p
     where p.allocated_gib <> (select coalesce(sum(v.size_gib), 0) from volumes v where v.pool_id = p.id)
     union all select 'tenant ' || u.tenant_id || ': ' || u.machine_count || ' machines counted' from tenant_usage u
     where u.machine_count <> (select count(*) from machines m where m.tenant_id = u.tenant_id)`,
  );
  return rows.map(({ line }) => line);
}

async function list<T>(region: SimulatedRegion, endpoint: string, path: string): Promise<T[]> {
  const file = (name: string): string => join(region.dir, 'tls', name);
  const tls = { ca: file('ca.pem'), cert: file('control-1.pem'), key: file('control-1.key') };
  const client = new AgentClient(endpoint, tls);
  try {
    return await client.get<T[]>(path, { timeoutMs: 60_000 });
  } finally {
    client.close();
  }
}
