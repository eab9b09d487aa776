import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { emptyDatabase, withDatabase } from '#test/support/postgres.ts';
import { migrate, listMigrations } from './migrate.ts';

async function schemaOf(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const columns = await client.query(
      `select table_name, column_name, data_type, is_nullable, column_default from information_schema.columns
       where table_schema = 'public' order by 1, 2`,
    );
    const indexes = await client.query(
      `select indexname, indexdef from pg_indexes where schemaname = 'public' order by 1`,
    );
    const policies = await client.query(
      `select tablename, policyname, roles::text, qual from pg_policies order by 1, 2`,
    );
    const constraints = await client.query(
      `select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint where connamespace = 'public'::regnamespace order by 1, 2`,
    );
    return JSON.stringify([columns.rows, indexes.rows, policies.rows, constraints.rows]);
  } finally {
    await client.end();
  }
}

test('two replicas may migrate an empty database at once, and it equals one migrated alone', async () => {
  const [alone, together] = [await emptyDatabase(), await emptyDatabase()];
  await migrate(alone);
  const applied = await Promise.all([migrate(together), migrate(together), migrate(together)]);
  const all = (await listMigrations()).map((migration) => migration.name);
  assert.deepEqual(applied.flat().toSorted(), all);
  assert.equal(await schemaOf(together), await schemaOf(alone));
  assert.deepEqual(await migrate(alone), [], 'a second run does nothing');
});

test('a migration that was changed after it was applied is refused', async (t) => {
  const { url } = await withDatabase(t);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("update schema_migrations set checksum = 'other' where version = 1");
  await client.end();
  await assert.rejects(migrate(url), /changed after it was applied/);
});

test('a database of a newer version is refused', async (t) => {
  const { url } = await withDatabase(t);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("insert into schema_migrations (version, name, checksum) values (9999, '9999_later.sql', 'x')");
  await client.end();
  await assert.rejects(migrate(url), /newer than this version/);
});
