/** Access to PostgreSQL: who asks decides which rows exist (design §1.5, row-level security). */
import pg from 'pg';
import type { Statement } from './statement.ts';

/** int8 columns hold counts and sizes below 2^53; as numbers they can be calculated with. */
pg.types.setTypeParser(pg.types.builtins.INT8, (text) => {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error('an int8 value is beyond 2^53');
  return value;
});

/** What a piece of work may ask of the database. */
export interface Session {
  rows<P extends readonly unknown[], R>(what: Statement<P, R>, ...params: P): Promise<R[]>;
  /** The first row, or null. */
  first<P extends readonly unknown[], R>(what: Statement<P, R>, ...params: P): Promise<R | null>;
  /** How many rows were written. */
  run<P extends readonly unknown[], R>(what: Statement<P, R>, ...params: P): Promise<number>;
}

/** The tenant on whose behalf a query runs. */
export interface TenantScope {
  readonly tenantId: string;
  readonly organisationId: string;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

class ClientSession implements Session {
  readonly #client: pg.ClientBase;
  constructor(client: pg.ClientBase) {
    this.#client = client;
  }
  async #query<P extends readonly unknown[], R>(what: Statement<P, R>, params: P): Promise<pg.QueryResult> {
    return this.#client.query({ name: what.name, text: what.text, values: [...params] });
  }
  async rows<P extends readonly unknown[], R>(what: Statement<P, R>, ...params: P): Promise<R[]> {
    return (await this.#query(what, params)).rows as R[];
  }
  async first<P extends readonly unknown[], R>(what: Statement<P, R>, ...params: P): Promise<R | null> {
    return ((await this.#query(what, params)).rows[0] as R | undefined) ?? null;
  }
  async run<P extends readonly unknown[], R>(what: Statement<P, R>, ...params: P): Promise<number> {
    return (await this.#query(what, params)).rowCount ?? 0;
  }
}

export interface DatabaseOptions {
  readonly url: string;
  /** Connections of the tenant listener (default 8). */
  readonly tenantConnections?: number;
  /** Connections of workflows and reconcilers, once for commits that are waited for and once for others (default 8). */
  readonly platformConnections?: number;
  readonly onError?: (error: Error) => void;
}

/** Two pools, one per database role; no raw connection leaves this class. */
export class Database {
  readonly #tenant: pg.Pool;
  readonly #platform: pg.Pool;
  readonly #relaxed: pg.Pool;
  /** The scope a tenant connection is set to, so that a run of calls by one tenant costs no extra round trip. */
  readonly #scopes = new WeakMap<pg.PoolClient, string>();

  constructor(options: DatabaseOptions) {
    const pool = (role: string, max: number, settings = ''): pg.Pool => {
      const made = new pg.Pool({
        connectionString: options.url,
        max,
        idleTimeoutMillis: 60_000,
        connectionTimeoutMillis: 10_000,
        options: `-c role=${role} -c statement_timeout=30000 -c idle_in_transaction_session_timeout=30000${settings}`,
      });
      // A lost idle connection is replaced by the pool; without a listener it would end the process.
      made.on('error', (error) => options.onError?.(error));
      // The same for one that is in use between two statements; its next statement fails and says so.
      made.on('connect', (client) => client.on('error', (error) => options.onError?.(error)));
      return made;
    };
    this.#tenant = pool('bastide_tenant', options.tenantConnections ?? 8);
    this.#platform = pool('bastide_platform', options.platformConnections ?? 8);
    this.#relaxed = pool('bastide_platform', options.platformConnections ?? 8, ' -c synchronous_commit=off');
  }

  /** Runs `work` with the eyes of one tenant. Each statement stands alone; see {@link tenantTransaction}. */
  async asTenant<T>(scope: TenantScope, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(this.#tenant, async (client) => {
      await this.#enter(client, scope);
      return work(new ClientSession(client));
    });
  }

  /** Like {@link asTenant}, all or nothing. */
  async tenantTransaction<T>(scope: TenantScope, work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(this.#tenant, async (client) => {
      await this.#enter(client, scope);
      return transaction(client, work);
    });
  }

  /** Runs `work` with the eyes of the platform: every tenant's rows. For workflows, reconcilers and the provider plane. */
  async asPlatform<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(this.#platform, (client) => work(new ClientSession(client)));
  }

  async platformTransaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(this.#platform, (client) => transaction(client, work));
  }

  /**
   * Like {@link asPlatform}, but no commit is waited for. Only for work that something durable is written after and that is
   * repeated when both are lost: the inside of an operation's step (its record comes after it), what a host reported (with the
   * cursor). The log is written in order, so a later commit that is waited for makes this one durable too.
   */
  async asRelaxed<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(this.#relaxed, (client) => work(new ClientSession(client)));
  }

  /** {@link asRelaxed}, all or nothing. */
  async relaxedTransaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(this.#relaxed, (client) => transaction(client, work));
  }

  /** Sessions without any tenant context, for the test that proves they see nothing. */
  async asNobody<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#with(this.#tenant, async (client) => {
      await client.query(
        "select set_config('bastide.tenant', '', false), set_config('bastide.organisation', '', false)",
      );
      this.#scopes.delete(client);
      return work(new ClientSession(client));
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.#tenant.end(), this.#platform.end(), this.#relaxed.end()]);
  }

  async #enter(client: pg.PoolClient, scope: TenantScope): Promise<void> {
    const key = `${scope.tenantId}/${scope.organisationId}`;
    if (this.#scopes.get(client) === key) return;
    if (!uuid.test(scope.tenantId) || !uuid.test(scope.organisationId))
      throw new Error('a tenant scope needs two UUIDs');
    this.#scopes.delete(client);
    await client.query({
      name: 'enter_scope',
      text: "select set_config('bastide.tenant', $1, false), set_config('bastide.organisation', $2, false)",
      values: [scope.tenantId, scope.organisationId],
    });
    this.#scopes.set(client, key);
  }

  async #with<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await pool.connect();
    let broken: Error | undefined;
    try {
      return await work(client);
    } catch (error) {
      if (isConnectionLoss(error)) broken = error as Error;
      throw error;
    } finally {
      client.release(broken);
    }
  }
}

async function transaction<T>(client: pg.PoolClient, work: (session: Session) => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work(new ClientSession(client));
    await client.query('commit');
    return result;
  } catch (error) {
    // When the connection itself is gone the server rolls back by itself.
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

function sqlState(error: unknown): string | null {
  const code: unknown = error instanceof Error && 'code' in error ? error.code : null;
  return typeof code === 'string' ? code : null;
}

/** The server is gone or going: nothing is wrong with the statement itself. */
export function isConnectionLoss(error: unknown): boolean {
  const code = sqlState(error);
  if (code !== null) {
    if (code.startsWith('08') || code.startsWith('57P')) return true;
    return ['ECONNREFUSED', 'ECONNRESET', 'ENOENT', 'EPIPE', 'ETIMEDOUT'].includes(code);
  }
  return (
    error instanceof Error &&
    /Connection terminated|timeout exceeded when trying to connect|Client has encountered/.test(error.message)
  );
}

/** Serialisation failure, deadlock, too many connections, lock not available, statement and idle timeouts. */
const passingStates = new Set(['40001', '40P01', '53300', '55P03', '57014', '25P03']);

/** Worth trying again as it is: connection loss, serialisation failure, deadlock, too many connections. */
export function isTransientDatabaseError(error: unknown): boolean {
  const code = sqlState(error);
  return isConnectionLoss(error) || (code !== null && passingStates.has(code));
}

/** The name of the violated constraint when `error` is a unique violation, else null. */
export function uniqueViolation(error: unknown): string | null {
  if (sqlState(error) !== '23505') return null;
  const name: unknown = error instanceof Error && 'constraint' in error ? error.constraint : null;
  return typeof name === 'string' ? name : '';
}

/** A statement that takes several things at once found one of them missing and took none (`complete_or_fail`). */
export function isIncomplete(error: unknown): boolean {
  return sqlState(error) === 'BA001';
}

/** The name of the violated constraint when `error` is a check violation, else null. */
export function checkViolation(error: unknown): string | null {
  if (sqlState(error) !== '23514') return null;
  const name: unknown = error instanceof Error && 'constraint' in error ? error.constraint : null;
  return typeof name === 'string' ? name : '';
}
