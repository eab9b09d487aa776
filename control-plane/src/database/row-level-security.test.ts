import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type SeededApi, seededApi } from '#test/support/seeded-api.ts';
import type { Session } from './database.ts';
import { statement } from './statement.ts';

/** The tables that hold no tenant's data; a new table is either here or under row-level security. */
const ofTheProvider = [
  'array_images',
  'arrays',
  'backup_policies',
  'families',
  'features',
  'flavors',
  'free_addresses',
  'hosts',
  'image_versions',
  'pools',
  'provider_tokens',
  'regions',
  'replicas',
  'roles',
  'schema_migrations',
  'storage_types',
  'tombstones',
  'zones',
];
/** Of those, what a tenant's connection may read: the catalogue. */
const catalogue = [
  'backup_policies',
  'families',
  'features',
  'flavors',
  'image_versions',
  'regions',
  'roles',
  'storage_types',
  'zones',
];

interface TableRow {
  readonly name: string;
  readonly secured: boolean;
  readonly readable: boolean;
  readonly columns: string[];
}

/** Every table of ours with what the tenant listener's role may do with it. */
async function tables(api: SeededApi): Promise<TableRow[]> {
  return (await api.query(
    `select c.relname as name, c.relrowsecurity as secured,
       has_any_column_privilege('bastide_tenant', c.oid, 'select') as readable,
       array(select a.attname::text from pg_attribute a where a.attrelid = c.oid and a.attnum > 0
         and has_column_privilege('bastide_tenant', c.oid, a.attnum, 'select')) as columns
     from pg_class c where c.relkind in ('r', 'p') and c.relnamespace = 'public'::regnamespace order by 1`,
  )) as unknown as TableRow[];
}

test('every table is under row-level security or holds no tenant’s data', async (t) => {
  const api = await seededApi(t);
  const all = await tables(api);
  assert.deepEqual(
    all.filter(({ secured }) => !secured).map(({ name }) => name),
    ofTheProvider,
  );
  const open = all.filter(({ secured, readable }) => !secured && readable);
  assert.deepEqual(
    open.map(({ name }) => name),
    catalogue,
  );
});

test('neither role of the application can lift row-level security', async (t) => {
  const api = await seededApi(t);
  const roles = await api.query(
    `select rolname, rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname in ('bastide_tenant', 'bastide_platform') order by 1`,
  );
  const none = { rolsuper: false, rolbypassrls: false, rolcreaterole: false };
  assert.deepEqual(roles, [
    { rolname: 'bastide_platform', ...none },
    { rolname: 'bastide_tenant', ...none },
  ]);
  const owned = await api.query(
    `select relname from pg_class where relkind = 'r' and relowner in ('bastide_tenant'::regrole, 'bastide_platform'::regrole)`,
  );
  assert.deepEqual(owned, []);
});

/** Puts a row of both tenants into every table under row-level security that the seed leaves empty. */
async function fill(api: SeededApi): Promise<{ a: string; b: string }> {
  const [a, b] = [api.secrets.organisations[0]?.tenants[0]?.id, api.secrets.organisations[1]?.tenants[0]?.id];
  assert.ok(a !== undefined && b !== undefined);
  for (const tenant of [a, b]) {
    const machine = `(select id from machines where tenant_id = '${tenant}')`;
    const inserts = [
      `insert into machines (id, tenant_id, name, zone_id, image_id, image_version_id, family_id, backup_policy_id, vcpu, ram_gb, status, power_wanted)
       select gen_random_uuid(), '${tenant}', 'vm', z.id, i.id, i.current_version_id, f.id, b.id, 1, 1, 'stopped', 'off'
       from zones z, images i, families f, backup_policies b limit 1`,
      `insert into machine_seeds (machine_id, tenant_id) values (${machine}, '${tenant}')`,
      `insert into volumes (id, tenant_id, machine_id, storage_type_id, position, label, size_gib, is_primary)
       select gen_random_uuid(), '${tenant}', ${machine}, id, 0, 'system', 1, true from storage_types limit 1`,
      `insert into adapters (id, tenant_id, machine_id, network_id, device_index, mac_address, provision_status)
       select gen_random_uuid(), '${tenant}', ${machine}, id, 0, '52:54:00:00:00:01', 'provisioned' from networks where tenant_id = '${tenant}'`,
      `insert into snapshots (id, tenant_id, machine_id, name, status) values (gen_random_uuid(), '${tenant}', ${machine}, 's', 'available')`,
      `insert into tools_intervals (tenant_id, machine_id, state, from_at) values ('${tenant}', ${machine}, 'ok', now())`,
      `insert into machine_events (tenant_id, machine_id, at, type) values ('${tenant}', ${machine}, now(), 'started')`,
      `insert into activities (id, tenant_id, resource_id, kind, type, description)
       values (gen_random_uuid(), '${tenant}', ${machine}, 'k', 't', 'd')`,
      `insert into tags (tenant_id, resource_id, key, value, resource_type, resource_source) values ('${tenant}', 'r', 'k', 'v', 't', 's')`,
      `insert into audit_entries (tenant_id, request_id, operation, outcome) values ('${tenant}', 'r', 'o', 'done')`,
    ];
    for (const insert of inserts) await api.query(insert);
  }
  return { a, b };
}

/** Which tenant a row belongs to, as far as the table says; `id` for the tables about tenants themselves. */
const ownerColumn: Readonly<Record<string, string>> = { tenants: 'id', organisations: 'id', users: 'organisation_id' };

test('without a tenant context a query sees nothing; with one, only the tenant’s own rows', async (t) => {
  const api = await seededApi(t);
  const { a, b } = await fill(api);
  const [organisationA, organisationB] = api.secrets.organisations.map(({ id }) => id);
  assert.ok(organisationA !== undefined && organisationB !== undefined);
  const secured = (await tables(api)).filter((table) => table.secured);
  const scopes = [
    { tenantId: a, organisationId: organisationA, foreign: [b, organisationB] },
    { tenantId: b, organisationId: organisationB, foreign: [a, organisationA] },
  ];
  for (const table of secured) {
    const own = await api.query(`select count(*)::int as count from ${table.name}`);
    assert.ok(Number(own[0]?.['count']) >= 2, `the test put no rows into ${table.name}: add them to fill()`);
    // A table that the tenant's role cannot read at all is as good as empty to it.
    if (!table.readable) continue;
    const column = ownerColumn[table.name] ?? 'tenant_id';
    // Official images belong to no tenant and are for all.
    const ownerless = table.name === 'images' ? 'where tenant_id is not null' : '';
    const count = statement<[], { count: number }>(
      `rls_count_${table.name}`,
      `select count(*) as count from ${table.name} ${ownerless}`,
    );
    const owners = statement<[], { owner: string | null }>(
      `rls_owners_${table.name}`,
      `select distinct ${column} as owner from ${table.name}`,
    );
    const counted = async (session: Session): Promise<number> => (await session.first(count))?.count ?? -1;
    assert.equal(await api.database.asNobody(counted), 0, `${table.name} without context`);
    for (const { tenantId, organisationId, foreign } of scopes) {
      const seen = await api.database.asTenant({ tenantId, organisationId }, (session) => session.rows(owners));
      if (table.name !== 'images') assert.ok(seen.length > 0, `${table.name}: a tenant sees its own rows`);
      for (const { owner } of seen) assert.ok(!foreign.includes(owner ?? ''), `${table.name}: a row of another tenant`);
    }
  }
});

test('a tenant cannot write a row for another tenant, nor read the hash of a secret', async (t) => {
  const api = await seededApi(t);
  const { a, b } = await fill(api);
  const scope = { tenantId: a, organisationId: api.secrets.organisations[0]?.id ?? '' };
  const plant = statement<[tenant: string]>(
    'rls_plant',
    `insert into tags (tenant_id, resource_id, key, value, resource_type, resource_source) values ($1, 'x', 'k', 'v', 't', 's')`,
  );
  await assert.rejects(
    api.database.asTenant(scope, (session) => session.run(plant, b)),
    /row-level security/,
  );
  const steal = statement<[]>('rls_steal', `update tags set value = 'stolen' where tenant_id <> current_tenant()`);
  assert.equal(await api.database.asTenant(scope, (session) => session.run(steal)), 0);
  const wipe = statement<[]>('rls_wipe', 'delete from tags where tenant_id <> current_tenant()');
  assert.equal(await api.database.asTenant(scope, (session) => session.run(wipe)), 0);
  const hashes = statement<[], { hash: string }>('rls_hash', 'select secret_hash as hash from access_tokens');
  await assert.rejects(
    api.database.asTenant(scope, (session) => session.rows(hashes)),
    /permission denied/,
  );
  const provider = statement<[], { id: string }>('rls_provider', 'select id from provider_tokens');
  await assert.rejects(
    api.database.asTenant(scope, (session) => session.rows(provider)),
    /permission denied/,
  );
});
