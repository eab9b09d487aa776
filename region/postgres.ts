import { randomBytes } from 'node:crypto';
import { chmodSync, chownSync, existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Client } from 'pg';
import { readIfPresent, writeFileAtomic } from '#libs/process/atomic-file.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { isAlive } from '#libs/process/identity.ts';
import { run } from '#libs/process/run.ts';
import { spawnDetached } from '#libs/process/spawn.ts';
import { terminate } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { locatePostgres } from './postgres-binaries.ts';
import type { RunAs } from './postgres-binaries.ts';
import { ensureUser, findUser } from './users.ts';

/** Where an embedded PostgreSQL lives and how it is tuned. */
export interface PostgresOptions {
  /** Its folder: `data/` and, unless told otherwise, the unix socket and the log lie in it. It becomes the database account's. */
  readonly dir: string;
  /** Folder of the unix socket; keep it short, the path may have 107 bytes. */
  readonly socketDir?: string;
  /** Where a copy of the programs may be kept when the account cannot reach the installed ones. */
  readonly runtimeDir?: string;
  /** File of the superuser's password, made when missing (0600). */
  readonly passwordFile?: string;
  readonly logFile?: string;
  /** Also listen on TCP on loopback. */
  readonly port?: number;
  /** `false` for throw-away databases: no fsync. */
  readonly durable?: boolean;
  /** Further server settings, by their PostgreSQL names. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Made when missing; `bastide` by default. */
  readonly database?: string;
}

/** A data folder that is ready, and how to run and reach its server. */
export interface PreparedPostgres {
  readonly argv: readonly [string, ...string[]];
  readonly runAs: RunAs | undefined;
  readonly env: NodeJS.ProcessEnv;
  readonly logFile: string;
  /** Over the unix socket, as superuser, with the password; for `pg` and all that is built on it. */
  readonly url: string;
  /** The same for another database of this server. */
  urlFor(database: string): string;
}

/** A server started by {@link startPostgres}. */
export interface RunningPostgres {
  readonly url: string;
  urlFor(database: string): string;
  readonly process: ProcessIdentity;
  /** Fast shutdown: open transactions are rolled back. */
  stop(): Promise<void>;
}

const superuser = 'bastide';
const defaultSettings = {
  shared_buffers: '64MB',
  effective_cache_size: '512MB',
  max_connections: '100',
  synchronous_commit: 'on',
  wal_compression: 'on',
  max_wal_size: '1GB',
  checkpoint_timeout: '15min',
  checkpoint_completion_target: '0.9',
  random_page_cost: '1.1',
  // Our statements are short: compiling them costs more than it gains.
  jit: 'off',
  log_timezone: 'UTC',
  timezone: 'UTC',
  log_min_duration_statement: '1s',
  log_line_prefix: '%m [%p] %a ',
} as const;

/**
 * Starts an embedded PostgreSQL and answers when it takes statements and the database exists. As root it runs as
 * `bastide-db` (made when missing), because PostgreSQL refuses to run as root.
 */
export async function startPostgres(options: PostgresOptions): Promise<RunningPostgres> {
  const prepared = await preparePostgres(options);
  const server = await spawnDetached({
    argv: prepared.argv,
    logFile: prepared.logFile,
    env: prepared.env,
    cwd: '/',
    ...(prepared.runAs ?? {}),
  });
  try {
    await awaitDatabase(prepared, { database: options.database ?? 'bastide', alive: () => isAlive(server) });
  } catch (error) {
    await terminate(server, { signal: 'SIGINT' });
    throw error;
  }
  return {
    url: prepared.url,
    urlFor: prepared.urlFor,
    process: { pid: server.pid, startTime: server.startTime },
    stop: async () => {
      await terminate(server, { signal: 'SIGINT', graceMs: 20_000 });
    },
  };
}

/** Makes the data folder when missing; idempotent, and never leaves half a one behind. */
export async function preparePostgres(options: PostgresOptions): Promise<PreparedPostgres> {
  const socketDir = options.socketDir ?? options.dir;
  const passwordFile = options.passwordFile ?? join(options.dir, 'password');
  const runAs = await databaseAccount();
  for (const folder of [options.dir, socketDir]) {
    mkdirSync(folder, { recursive: true });
    if (runAs) chownSync(folder, runAs.uid, runAs.gid);
  }
  const binaries = await locatePostgres(options.runtimeDir ?? join(options.dir, 'runtime'), runAs);
  const password = ensurePassword(passwordFile);
  const data = join(options.dir, 'data');
  if (!existsSync(data)) await initialise(binaries.initdb, { data, password, runAs, sync: options.durable !== false });
  const settings: Record<string, string> = {
    ...defaultSettings,
    ...(options.durable === false ? { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' } : {}),
    ...options.settings,
    listen_addresses: options.port === undefined ? '' : '127.0.0.1',
    ...(options.port === undefined ? {} : { port: String(options.port) }),
    unix_socket_directories: socketDir,
  };
  const port = options.port ?? 5432;
  const urlFor = (database: string): string =>
    `postgresql://${superuser}:${password}@localhost:${port}/${database}?host=${encodeURIComponent(socketDir)}`;
  return {
    argv: [
      binaries.postgres,
      '-D',
      data,
      ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
    ],
    runAs,
    env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
    logFile: options.logFile ?? join(options.dir, 'postgres.log'),
    url: urlFor(options.database ?? 'bastide'),
    urlFor,
  };
}

/** Waits until the server takes statements, then makes the database when it is missing. */
export async function awaitDatabase(
  server: { readonly urlFor: (database: string) => string },
  options: { readonly database: string; readonly alive?: () => boolean; readonly timeoutMs?: number },
): Promise<void> {
  const client = await waitFor(
    async () => {
      if (options.alive && !options.alive()) throw new Error('PostgreSQL ended while starting; its log says why');
      return tryConnect(server.urlFor('postgres'));
    },
    { what: 'PostgreSQL to take statements', timeoutMs: options.timeoutMs ?? 60_000, intervalMs: 30 },
  );
  try {
    const { rowCount } = await client.query('select from pg_database where datname = $1', [options.database]);
    if (rowCount === 0) await client.query(`create database ${client.escapeIdentifier(options.database)}`);
  } finally {
    await client.end();
  }
}

async function tryConnect(url: string): Promise<Client | null> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: 5_000, query_timeout: 30_000 });
  // A server that goes down while we wait must not end this process.
  client.on('error', () => undefined);
  try {
    await client.connect();
    return client;
  } catch (error) {
    // 28P01: a wrong password does not become right by waiting.
    if (error instanceof Error && 'code' in error && error.code === '28P01') throw error;
    return null;
  }
}

async function databaseAccount(): Promise<RunAs | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  try {
    const { uid, gid } = await ensureUser('bastide-db');
    return { uid, gid };
  } catch (error) {
    const nobody = await findUser('nobody');
    if (nobody) return { uid: nobody.uid, gid: nobody.gid };
    throw error;
  }
}

function ensurePassword(path: string): string {
  const present = readIfPresent(path)?.trim();
  if (present) return present;
  const password = randomBytes(24).toString('base64url');
  writeFileAtomic(path, `${password}\n`, { mode: 0o600 });
  return password;
}

async function initialise(
  initdb: string,
  options: { data: string; password: string; runAs: RunAs | undefined; sync: boolean },
): Promise<void> {
  const draft = `${options.data}.tmp`;
  const passwordFile = `${options.data}.pw`;
  rmSync(draft, { recursive: true, force: true });
  mkdirSync(draft, { mode: 0o700 });
  if (options.runAs) chownSync(draft, options.runAs.uid, options.runAs.gid);
  writeFileAtomic(passwordFile, `${options.password}\n`, {
    mode: 0o600,
    ...(options.runAs ? { owner: options.runAs } : {}),
  });
  try {
    await run(
      [
        initdb,
        `--pgdata=${draft}`,
        `--username=${superuser}`,
        `--pwfile=${passwordFile}`,
        '--auth=scram-sha-256',
        '--encoding=UTF8',
        '--no-locale',
        '--locale-provider=builtin',
        '--builtin-locale=C.UTF-8',
        '--data-checksums',
        options.sync ? '--sync-method=fsync' : '--no-sync',
      ],
      {
        ...(options.runAs ?? {}),
        cwd: '/',
        env: { PATH: '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' },
        timeoutMs: 120_000,
      },
    );
    chmodSync(draft, 0o700);
    renameSync(draft, options.data);
  } finally {
    rmSync(passwordFile, { force: true });
  }
}
