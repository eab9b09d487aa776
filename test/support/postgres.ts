/** A migrated throw-away database for one test, on a server that the test run or this process started. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, type TestContext } from 'node:test';
import pg from 'pg';
import { Database } from '#control/database/database.ts';
import { migrate } from '#control/database/migrate.ts';
import { startPostgres } from '#region/postgres.ts';

interface Server {
  urlFor(database: string): string;
  template: string;
}

let started: Promise<Server> | undefined;
const cleanups: (() => Promise<void>)[] = [];
// Here and not where the server starts: an `after` inside a test belongs to that test alone.
after(async () => {
  for (const clean of cleanups.toReversed()) await clean();
});

/** The server's URL with another database in it. */
function withDatabaseName(url: string, database: string): string {
  const changed = new URL(url);
  changed.pathname = `/${database}`;
  return changed.toString();
}

async function server(): Promise<Server> {
  const shared = process.env['BASTIDE_TEST_POSTGRES_URL'];
  let urlFor: (database: string) => string;
  if (shared === undefined) {
    const dir = await mkdtemp(join(tmpdir(), 'bst-pg-'));
    const running = await startPostgres({ dir, durable: false, database: 'main' });
    cleanups.push(async () => {
      await running.stop();
      await rm(dir, { recursive: true, force: true });
    });
    urlFor = (database) => running.urlFor(database);
  } else {
    urlFor = (database) => withDatabaseName(shared, database);
  }
  const template = `template_${randomBytes(6).toString('hex')}`;
  await administer(urlFor('postgres'), `create database ${template}`);
  await migrate(urlFor(template));
  if (shared !== undefined)
    cleanups.push(() => administer(urlFor('postgres'), `drop database if exists ${template} with (force)`));
  return { urlFor, template };
}

async function administer(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

/** An empty database without any schema, dropped when the file's tests have ended. */
export async function emptyDatabase(): Promise<string> {
  return made('');
}

/** A database with the newest schema and no rows. Closed when the test ends, dropped when the file's tests have. */
export async function withDatabase(t: TestContext): Promise<{ url: string; database: Database }> {
  const { template } = await (started ??= server());
  const url = await made(`template ${template}`);
  const database = new Database({ url, tenantConnections: 4, platformConnections: 8 });
  t.after(() => database.close());
  return { url, database };
}

async function made(how: string): Promise<string> {
  const { urlFor } = await (started ??= server());
  const name = `test_${randomBytes(8).toString('hex')}`;
  await administer(urlFor('postgres'), `create database ${name} ${how}`);
  // With the file and not with the test: hooks of a test run in the order they were registered, so its connections would be cut.
  cleanups.push(() => administer(urlFor('postgres'), `drop database if exists ${name} with (force)`));
  return urlFor(name);
}
