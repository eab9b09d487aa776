import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { test } from 'node:test';
import pg from 'pg';
import { withDatabase } from '#test/support/postgres.ts';
import { declaredStatements } from './statement.ts';

test('every declared statement can be prepared against the migrated schema', async (t) => {
  const { url } = await withDatabase(t);
  const source = new URL('../', import.meta.url);
  const files = (await readdir(source, { recursive: true })).filter(
    (file) => file.endsWith('.ts') && !/(\.test|(^|\/)main)\.ts$/.test(file),
  );
  for (const file of files) await import(new URL(file, source).href);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  t.after(() => client.end());
  const broken: string[] = [];
  for (const { name, text } of declaredStatements())
    await client.query(`prepare ${name} as ${text}`).catch((error: Error) => broken.push(`${name}: ${error.message}`));
  assert.deepEqual(broken, []);
  assert.ok(declaredStatements().length > 100, 'the stores were loaded');
});
