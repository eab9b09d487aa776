/** Brings a database to the schema of this version: numbered SQL files, each once, in one transaction each. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';

const folder = new URL('migrations/', import.meta.url);
/** Serialises replicas that start at once. Any number will do; it only has to be ours. */
const lockKey = 7_226_184_501;

/** The migrations in order: `0001_identity.sql` has version 1. */
export async function listMigrations(): Promise<{ version: number; name: string; text: string }[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).toSorted();
  return Promise.all(
    names.map(async (name) => {
      const version = Number(/^(\d{4})_[a-z_]+\.sql$/.exec(name)?.[1]);
      if (!Number.isInteger(version)) throw new Error(`migration "${name}" is not named NNNN_words.sql`);
      return { version, name, text: await readFile(new URL(name, folder), 'utf8') };
    }),
  );
}

/**
 * Applies what is missing; safe to run from several replicas at once.
 * @param andThen further work on the schema, done by one replica at a time: a library's own migrations
 * @returns the names applied now
 * @throws when an applied migration's text has changed since, or the database is newer than this version
 */
export async function migrate(url: string, andThen: () => Promise<void> = async () => {}): Promise<string[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await takeLock(client);
    await client.query(`create table if not exists schema_migrations (
      version integer primary key, name text not null, checksum text not null, applied_at timestamptz not null default now())`);
    const { rows } = await client.query<{ version: number; checksum: string }>(
      'select version, checksum from schema_migrations',
    );
    const applied = new Map(rows.map((row) => [row.version, row.checksum]));
    const known = await listMigrations();
    const newest = Math.max(0, ...applied.keys());
    if (newest > (known.at(-1)?.version ?? 0))
      throw new Error(
        `the database has schema ${newest}, newer than this version of Bastide: upgrade the program, not the data`,
      );
    const done: string[] = [];
    for (const migration of known) {
      const checksum = createHash('sha256').update(migration.text).digest('hex');
      const before = applied.get(migration.version);
      if (before !== undefined) {
        if (before !== checksum)
          throw new Error(`migration ${migration.name} was changed after it was applied; restore it and add a new one`);
        continue;
      }
      await client.query('begin');
      await client.query(migration.text);
      await client.query('insert into schema_migrations (version, name, checksum) values ($1, $2, $3)', [
        migration.version,
        migration.name,
        checksum,
      ]);
      await client.query('commit');
      done.push(migration.name);
    }
    await andThen();
    return done;
  } finally {
    await client.end();
  }
}

const lockTimeoutMs = 120_000;
const lockRetryMs = 100;

/**
 * Waits for the lock by asking again and again: a session that waits inside `pg_advisory_lock` holds a snapshot, and an index that the
 * holder makes concurrently would wait for that snapshot for ever.
 */
async function takeLock(client: pg.Client): Promise<void> {
  const until = performance.now() + lockTimeoutMs;
  for (;;) {
    const { rows } = await client.query<{ taken: boolean }>('select pg_try_advisory_lock($1) as taken', [lockKey]);
    if (rows[0]?.taken === true) return;
    if (performance.now() > until)
      throw new Error('another process has been migrating the database for two minutes; look at its log');
    await delay(lockRetryMs);
  }
}
