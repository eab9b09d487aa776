import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import type { MachineRecord } from '#host-agent/simulated/machine-record.ts';
import { newRecord, toJournal } from '#host-agent/simulated/machine-record.ts';
import type { JournalEntry } from '#libs/simulation/journal.ts';

/** What to multiply, and where the two sides of the truth are kept. */
export interface BulkLoad {
  readonly databaseUrl: string;
  /** Folder of the simulated agents' journal; they must not run meanwhile. */
  readonly journalDir: string;
  /** A running machine with one disk and one adapter, made through the API. */
  readonly templateId: string;
  /** How many machines to add. */
  readonly count: number;
}

interface BulkRow {
  readonly machineId: string;
  readonly name: string;
  readonly hostName: string;
  readonly arrayName: string;
  readonly poolId: string;
  readonly volumeId: string;
  readonly imageId: string | null;
  readonly sizeGib: number;
  readonly adapterId: string;
  readonly macAddress: string;
  readonly vcpu: number;
  readonly ramGb: number;
  readonly generation: number;
}

const batch = 5000;

/**
 * Adds machines without going through the API: copies one machine's rows (so it needs to know no more of the schema than the
 * columns that must differ) and spreads the copies over all hosts, then tells the agents' journal the same. Also counts them
 * where the control plane counts: hosts, pools, the tenant's usage. About 20 s for 100,000.
 */
export async function loadMachines(load: BulkLoad): Promise<void> {
  const client = new pg.Client({ connectionString: load.databaseUrl });
  await client.connect();
  try {
    await client.query('begin');
    // Every reference is right by construction; checking 100,000 rows one by one would take longer than all the rest.
    await client.query('set local session_replication_role = replica');
    await client.query(planSql, [load.templateId, load.count]);
    for (const sql of copies) await client.query(sql, [load.templateId]);
    for (const sql of counters) await client.query(sql);
    await writeJournal(client, join(load.journalDir, 'journal.ndjson'));
    await client.query('commit');
    // What autovacuum would have done by the time a region has so many rows.
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}

const planSql = `
  create temporary table bulk as
  with placed as (
    select h.id as host_id, h.name as host_name, h.zone_id, p.id as pool_id, a.name as array_name,
      row_number() over (order by h.name) - 1 as number, count(*) over () as hosts
    from hosts h
    join volumes tv on tv.machine_id = $1 and tv.position = 0
    join arrays a on a.zone_id = h.zone_id
    join pools p on p.array_id = a.id and p.storage_type_id = tv.storage_type_id)
  select i, placed.*, t.vcpu, t.ram_gb, t.tenant_id, t.generation, tv.size_gib, tv.image_version_id,
    md5('bulk network')::uuid as network_id,
    md5('bulk machine ' || i)::uuid as machine_id, md5('bulk volume ' || i)::uuid as volume_id,
    md5('bulk adapter ' || i)::uuid as adapter_id, md5('bulk activity ' || i)::uuid as activity_id,
    'bulk-' || i as name,
    '06:b5:00:' || substr(lpad(to_hex(i), 6, '0'), 1, 2) || ':' || substr(lpad(to_hex(i), 6, '0'), 3, 2) || ':' || substr(lpad(to_hex(i), 6, '0'), 5, 2) as mac,
    t.created_at - make_interval(secs => ($2::int - i) * 0.01) as at
  from generate_series(1, $2::int) i
  join placed on placed.number = i % placed.hosts
  join machines t on t.id = $1
  join volumes tv on tv.machine_id = t.id and tv.position = 0`;

/** One row per machine and table; what is not named stays as the template has it. */
const copies = [
  `insert into networks
   select (jsonb_populate_record(n, jsonb_build_object('id', md5('bulk network')::uuid, 'name', 'BULK',
     'cidr', '10.128.0.0/9', 'gateway', null, 'next_host', (select count(*) + 100 from bulk)))).*
   from adapters a join networks n on n.id = a.network_id where a.machine_id = $1 limit 1`,
  `insert into machines
   select (jsonb_populate_record(t, jsonb_build_object('id', machine_id, 'name', bulk.name, 'host_id', bulk.host_id,
     'zone_id', bulk.zone_id, 'created_at', at, 'updated_at', at, 'tools_since', at))).*
   from bulk join machines t on t.id = $1`,
  `insert into volumes
   select (jsonb_populate_record(t, jsonb_build_object('id', volume_id, 'machine_id', bulk.machine_id, 'pool_id', bulk.pool_id,
     'created_at', at, 'nbd', jsonb_build_object('socketPath', '/simulated/' || bulk.pool_id || '.sock', 'export', volume_id)))).*
   from bulk join volumes t on t.machine_id = $1 and t.position = 0`,
  `insert into adapters
   select (jsonb_populate_record(t, jsonb_build_object('id', adapter_id, 'machine_id', bulk.machine_id, 'network_id', bulk.network_id,
     'mac_address', mac, 'ipv4', '10.128.0.0'::inet + i + 10, 'created_at', at))).*
   from bulk join adapters t on t.machine_id = $1 and t.device_index = 0`,
  `insert into tools_intervals overriding user value
   select (jsonb_populate_record(t, jsonb_build_object('machine_id', bulk.machine_id, 'from_at', at))).*
   from bulk join tools_intervals t on t.machine_id = $1 and t.to_at is null`,
  `insert into activities overriding user value
   select (jsonb_populate_record(null::activities, to_jsonb(t) || jsonb_build_object('id', activity_id, 'resource_id', bulk.machine_id, 'result', bulk.machine_id,
     'created_at', at, 'started_at', at, 'stopped_at', at,
     'concerned', jsonb_build_array(jsonb_build_object('type', 'vmi', 'id', bulk.machine_id))))).*
   from bulk join (select * from activities where resource_id = $1 order by seq limit 1) t on true`,
];

const counters = [
  `update hosts h set vcpus_reserved = vcpus_reserved + c.vcpus, memory_reserved_mib = memory_reserved_mib + c.mib
   from (select host_id, sum(vcpu) as vcpus, sum(ram_gb) * 1024 as mib from bulk group by host_id) c where c.host_id = h.id`,
  `update pools p set allocated_gib = allocated_gib + c.gib
   from (select pool_id, sum(size_gib) as gib from bulk group by pool_id) c where c.pool_id = p.id`,
  `update tenant_usage u set vcpu_used = vcpu_used + c.vcpus, ram_used_mb = ram_used_mb + c.mb,
     storage_used_gb = storage_used_gb + c.gb, machine_count = machine_count + c.machines
   from (select tenant_id, sum(vcpu) as vcpus, sum(ram_gb) * 1024 as mb, sum(size_gib) as gb, count(*) as machines
     from bulk group by tenant_id) c where c.tenant_id = u.tenant_id`,
];

async function writeJournal(client: pg.Client, file: string): Promise<void> {
  for (let from = 0; ; from += batch) {
    const { rows } = await client.query<BulkRow>(
      `select machine_id as "machineId", name, host_name as "hostName", array_name as "arrayName", pool_id as "poolId",
         volume_id as "volumeId", image_version_id as "imageId", size_gib as "sizeGib", adapter_id as "adapterId", mac as "macAddress",
         vcpu, ram_gb as "ramGb", generation::int
       from bulk where i > $1 and i <= $2 order by i`,
      [from, from + batch],
    );
    if (rows.length === 0) return;
    appendFileSync(
      file,
      rows
        .flatMap(factsOf)
        .map((fact) => `${JSON.stringify(fact)}\n`)
        .join(''),
    );
  }
}

function factsOf(row: BulkRow): JournalEntry[] {
  const volume = {
    id: row.volumeId,
    poolId: row.poolId,
    sizeBytes: row.sizeGib * 1024 ** 3,
    imageId: row.imageId,
    snapshotIds: null,
  };
  return [
    { scope: `arrays/${row.arrayName}`, kind: 'volume', id: row.volumeId, value: volume },
    { scope: `hosts/${row.hostName}`, kind: 'machine', id: row.machineId, value: toJournal(runningRecord(row)) },
  ];
}

function runningRecord(row: BulkRow): MachineRecord {
  const now = Date.now();
  const spec = { name: row.name, vcpus: row.vcpu, memoryMib: row.ramGb * 1024 };
  return {
    ...newRecord(row.machineId, spec, now),
    generation: row.generation,
    converged: true,
    wantsPower: true,
    disks: [row.volumeId],
    adapters: [row.adapterId, row.macAddress],
    restartOnCrash: true,
    maxRestartsPerHour: 5,
    status: 'running',
    startedAt: now,
    upAt: now - 1,
    boots: 1,
  };
}
