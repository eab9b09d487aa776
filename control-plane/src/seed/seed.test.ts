import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { ensureSimulatedCatalogue } from '#region/simulated/catalogue.ts';
import { smallTopology } from '#test/support/small-topology.ts';
import { withDatabase } from '#test/support/postgres.ts';
import type { Database } from '../database/database.ts';
import { secretMatches } from '../iam/secrets.ts';
import { type SeedOptions, seed } from './seed.ts';
import type { SeedSecrets } from './secrets-file.ts';

interface Bench extends SeedOptions {
  readonly database: Database;
  readonly url: string;
  readonly secrets: () => Promise<SeedSecrets>;
  /** Every row of every table, as text. */
  readonly dump: () => Promise<string>;
  readonly query: (text: string) => Promise<Record<string, unknown>[]>;
}

async function prepare(t: TestContext): Promise<Bench> {
  const { url, database } = await withDatabase(t);
  const dir = mkdtempSync(join(tmpdir(), 'bst-seed-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const imagesDir = join(dir, 'images');
  ensureSimulatedCatalogue(imagesDir);
  const secretsFile = join(dir, 'seed.json');
  const query = async (text: string): Promise<Record<string, unknown>[]> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  };
  return {
    database,
    url,
    topology: smallTopology(),
    secretsFile,
    imagesDir,
    secrets: async () => JSON.parse(await readFile(secretsFile, 'utf8')) as SeedSecrets,
    query,
    dump: async () => {
      const tables = await query(
        "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
      );
      const texts = tables.map(({ relname }) => query(`select t::text from ${String(relname)} t order by 1`));
      return JSON.stringify(await Promise.all(texts));
    },
  };
}

test('a second run changes nothing and keeps every secret', async (t) => {
  const bench = await prepare(t);
  const first = await seed(bench.database, bench);
  assert.deepEqual(first.published, ['Debian 12 2026.01.01-1', 'Micro (test) 2026.01.01-1']);
  const [rows, secrets] = [await bench.dump(), await bench.secrets()];
  assert.deepEqual(await seed(bench.database, bench), { published: [], renewedTokens: [] });
  assert.equal(await bench.dump(), rows);
  assert.deepEqual(await bench.secrets(), secrets);
});

test('the secrets file is readable by its owner only and holds secrets that match', async (t) => {
  const bench = await prepare(t);
  await seed(bench.database, bench);
  assert.equal(statSync(bench.secretsFile).mode & 0o777, 0o600);
  const secrets = await bench.secrets();
  assert.deepEqual(
    secrets.organisations.map(({ name, tenants }) => [name, tenants.map((tenant) => tenant.name)]),
    [
      ['Aster', ['production', 'staging']],
      ['Bellis', ['default']],
    ],
  );
  const hashes = await bench.query('select id, secret_hash from access_tokens');
  for (const { token } of secrets.organisations.flatMap(({ tenants }) => tenants)) {
    const hash = hashes.find(({ id }) => id === token.id)?.['secret_hash'];
    assert.ok(await secretMatches(token.secret, String(hash)));
    assert.ok(!(await bench.dump()).includes(token.secret), 'no secret is in the database');
  }
});

test('a lost secrets file gives new tokens and says for whom', async (t) => {
  const bench = await prepare(t);
  await seed(bench.database, bench);
  const before = await bench.secrets();
  rmSync(bench.secretsFile);
  const { renewedTokens } = await seed(bench.database, bench);
  assert.deepEqual(renewedTokens, ['Aster / production', 'Aster / staging', 'Bellis / default']);
  const after = await bench.secrets();
  assert.deepEqual(
    after.organisations.map(({ id }) => id),
    before.organisations.map(({ id }) => id),
  );
  assert.notEqual(after.providerToken.secret, before.providerToken.secret);
});

test('a secrets file that outlived the database gives its tokens to the new one', async (t) => {
  const bench = await prepare(t);
  await seed(bench.database, bench);
  const secrets = await bench.secrets();
  const other = await withDatabase(t);
  assert.deepEqual((await seed(other.database, bench)).renewedTokens, []);
  assert.deepEqual(await bench.secrets(), secrets);
});

test('a revoked owner token does not come back to life', async (t) => {
  const bench = await prepare(t);
  await seed(bench.database, bench);
  const revoked = (await bench.secrets()).organisations[0]?.tenants[0]?.token;
  await bench.query(`delete from access_tokens where id = '${revoked?.id}'`);
  assert.deepEqual((await seed(bench.database, bench)).renewedTokens, ['Aster / production']);
  const now = (await bench.secrets()).organisations[0]?.tenants[0]?.token;
  assert.notEqual(now?.secret, revoked?.secret);
});

test('STO-08, INS-12: 0.5 TiB Standard gives 750 IOPS, 0.5 TiB Enterprise 3750', async (t) => {
  const bench = await prepare(t);
  await seed(bench.database, bench);
  const rows = await bench.query(
    'select distinct s.name, p.iops_limit::int as iops from pools p join storage_types s on s.id = p.storage_type_id order by 1',
  );
  assert.deepEqual(rows, [
    { name: 'Enterprise', iops: 3750 },
    { name: 'Standard', iops: 750 },
  ]);
});

test('REG-04, NET-01: every tenant has one backbone network LAN01 of its own', async (t) => {
  const bench = await prepare(t);
  await seed(bench.database, bench);
  const rows = await bench.query(
    'select count(distinct tenant_id)::int as tenants, count(*)::int as networks from networks',
  );
  assert.deepEqual(rows, [{ tenants: 3, networks: 3 }]);
});

test('two seeds at once make one token per tenant', async (t) => {
  const bench = await prepare(t);
  await Promise.all([seed(bench.database, bench), seed(bench.database, bench)]);
  assert.deepEqual(await bench.query('select count(*)::int as tokens from access_tokens'), [{ tokens: 3 }]);
});

test('a storage class that does not exist is refused and nothing is left behind', async (t) => {
  const bench = await prepare(t);
  const zones = bench.topology.zones.map((zone) => ({
    ...zone,
    arrays: zone.arrays.map((array) => ({
      ...array,
      pools: array.pools.map((pool) => ({ ...pool, storageClass: 'marble' })),
    })),
  }));
  const wrong = { ...bench, topology: { ...bench.topology, zones } };
  await assert.rejects(seed(bench.database, wrong), /storage class "marble"; there are standard, enterprise/);
  assert.deepEqual(await bench.query('select id from organisations'), []);
});

test('a host that grew keeps its id and its reservations', async (t) => {
  const bench = await prepare(t);
  await seed(bench.database, bench);
  await bench.query('update hosts set vcpus_reserved = 3');
  const zones = bench.topology.zones.map((zone) => ({
    ...zone,
    hosts: zone.hosts.map((host) => ({ ...host, cores: 16 })),
  }));
  await seed(bench.database, { ...bench, topology: { ...bench.topology, zones } });
  assert.deepEqual(await bench.query('select distinct cores, vcpus_reserved::int as reserved from hosts'), [
    { cores: 16, reserved: 3 },
  ]);
});

test('a topology that contradicts the database is refused with what to do about it', async (t) => {
  const bench = await prepare(t);
  await seed(bench.database, bench);
  const otherIds = { ...bench, topology: smallTopology() };
  await assert.rejects(seed(bench.database, otherIds), /not those of the region that made the database/);
  await bench.query('update hosts set memory_reserved_mib = 4096');
  const zones = bench.topology.zones.map((zone) => ({
    ...zone,
    hosts: zone.hosts.map((host) => ({ ...host, memoryMib: 2_048 })),
  }));
  const smaller = { ...bench, topology: { ...bench.topology, zones } };
  await assert.rejects(seed(bench.database, smaller), /smaller than what is in use/);
});
