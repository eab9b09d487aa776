import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Client } from 'pg';
import { isAlive } from '#libs/process/identity.ts';
import { send } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { startPostgres } from './postgres.ts';

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

test('the embedded PostgreSQL starts, keeps committed rows over kill -9, and stops', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'bst-pg-'));
  let server = await startPostgres({ dir });
  try {
    await query(server.url, 'create table kept (n int); insert into kept values (1), (2)');
    const wrong = server.url.replace(/:[^:@]+@/, ':wrong@');
    await assert.rejects(query(wrong, 'select 1'), { code: '28P01' });
    assert.equal(statSync(join(dir, 'password')).mode & 0o777, 0o600);

    const killed = server.process;
    send(killed, 'SIGKILL');
    await waitFor(() => !isAlive(killed), { what: 'PostgreSQL to be killed', timeoutMs: 5_000 });
    server = await startPostgres({ dir });
    assert.deepEqual(await query(server.url, 'select n from kept order by n'), [{ n: 1 }, { n: 2 }]);
    assert.deepEqual(await query(server.urlFor('postgres'), 'show fsync'), [{ fsync: 'on' }]);

    await server.stop();
    assert.equal(isAlive(server.process), false);
  } finally {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  }
});
