import { OvsdbConnection } from './connection.ts';
import { parseEndpoints, type Endpoint, type TlsFiles } from './endpoint.ts';
import { OvsdbProtocolError, OvsdbTransactionError, OvsdbUnavailable } from './errors.ts';
import type { Operation, OperationResult } from './operations.ts';
import { Replica, type Selection } from './replica.ts';
import { parseSchema } from './schema.ts';

export interface OvsdbClientOptions {
  /** Connection methods of ovsdb(7), separated by commas: `unix:/run/nb.sock`, `tcp:10.0.0.1:6641,tcp:10.0.0.2:6641`. */
  endpoints: string;
  /** Such as `OVN_Northbound`. */
  database: string;
  /** Tables and columns that the replica follows. */
  tables: Selection;
  tls?: TlsFiles | undefined;
  /** How long a request may take, and the opening of a connection. */
  requestTimeoutMs?: number;
  /** How long the first reading of all chosen tables may take: seconds for 100,000 rows. */
  synchroniseTimeoutMs?: number;
  /** How long a request waits for the server to come back before it fails. */
  availabilityWaitMs?: number;
  keepAliveMs?: number;
}

const BACKOFF_MIN_MS = 50;
const BACKOFF_MAX_MS = 1_000;
const MONITOR_ID = 'replica';

/**
 * A client of one OVSDB database: one connection with pipelined transactions, and a replica that survives restarts of the
 * server. It connects by itself and keeps trying until it is closed.
 */
export class OvsdbClient {
  readonly replica: Replica;
  readonly #options: Required<Omit<OvsdbClientOptions, 'tls'>> & { tls: TlsFiles | undefined };
  readonly #endpoints: Endpoint[];
  readonly #stopped = new AbortController();
  readonly #waiting = new Set<() => void>();
  readonly #loop: Promise<void>;
  #connection: OvsdbConnection | undefined;
  #lastError: Error = new OvsdbUnavailable('not connected yet');

  constructor(options: OvsdbClientOptions) {
    this.#options = {
      tls: undefined,
      requestTimeoutMs: 10_000,
      synchroniseTimeoutMs: 120_000,
      availabilityWaitMs: 5_000,
      keepAliveMs: 5_000,
      ...options,
    };
    this.#endpoints = parseEndpoints(options.endpoints);
    this.replica = new Replica(options.tables);
    this.#loop = this.#stayConnected();
  }

  /** Connected, and the replica is equal to the server as far as the server has said. */
  get synchronised(): boolean {
    return this.#connection !== undefined;
  }

  /** Why there is no connection at the moment. */
  get lastError(): Error {
    return this.#lastError;
  }

  /** @throws {OvsdbUnavailable} when the client is not synchronised within `timeoutMs`. */
  async ready(timeoutMs: number = this.#options.availabilityWaitMs): Promise<void> {
    await this.#connected(timeoutMs);
  }

  /**
   * Runs the operations as one transaction. When the answer is handed out, the replica already shows what it changed.
   *
   * @throws {OvsdbTransactionError} when it was refused; nothing changed.
   * @throws {OvsdbUnavailable} or {OvsdbTimeout} when the outcome is unknown.
   */
  async transact(
    operations: Operation[],
    timeoutMs: number = this.#options.requestTimeoutMs,
  ): Promise<OperationResult[]> {
    const connection = this.#connection ?? (await this.#connected(this.#options.availabilityWaitMs));
    const answer = await connection.request('transact', [this.#options.database, ...operations], timeoutMs);
    return readResults(answer, operations.length);
  }

  /** Ends the connection; everything pending fails with {@link OvsdbUnavailable}. */
  async close(): Promise<void> {
    this.#lastError = new OvsdbUnavailable('the OVSDB client is closed');
    this.#stopped.abort();
    for (const wake of [...this.#waiting]) wake();
    await this.#loop;
  }

  async #connected(timeoutMs: number): Promise<OvsdbConnection> {
    if (this.#connection === undefined && !this.#stopped.signal.aborted) await this.#stateChange(timeoutMs);
    if (this.#connection !== undefined) return this.#connection;
    throw new OvsdbUnavailable(`the database ${this.#options.database} is not reachable: ${this.#lastError.message}`, {
      cause: this.#lastError,
    });
  }

  #stateChange(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      this.#waiting.add(wake);
    });
  }

  async #stayConnected(): Promise<void> {
    let failures = 0;
    for (let turn = 0; !this.#stopped.signal.aborted; turn++) {
      const endpoint = this.#endpoints[turn % this.#endpoints.length];
      // parseEndpoints never gives an empty list.
      if (endpoint === undefined) return;
      try {
        await this.#session(endpoint, () => (failures = 0));
      } catch (error) {
        if (!this.#stopped.signal.aborted) this.#lastError = error instanceof Error ? error : new Error(String(error));
      }
      await this.#pause(Math.min(BACKOFF_MAX_MS, BACKOFF_MIN_MS * 2 ** failures++));
    }
  }

  /** One connection from its opening to its end; always throws why it ended. */
  async #session(endpoint: Endpoint, onSynchronised: () => void): Promise<void> {
    const { tls, requestTimeoutMs: connectTimeoutMs, synchroniseTimeoutMs, keepAliveMs, database } = this.#options;
    const connection = await OvsdbConnection.open(endpoint, { tls, connectTimeoutMs, signal: this.#stopped.signal });
    const stop = (): void => connection.close(this.#lastError);
    this.#stopped.signal.addEventListener('abort', stop, { once: true });
    if (this.#stopped.signal.aborted) stop();
    const ended = new Promise<Error>((resolve) => {
      connection.once('close', (cause) => {
        this.#connection = undefined;
        resolve(cause);
      });
    });
    try {
      // Updates may follow the snapshot in the same chunk, before the await below comes back.
      let early: unknown[] | undefined = [];
      connection.on('notification', (method, params) => {
        if (method !== 'update2') return;
        if (early === undefined) this.replica.apply(updatesOf(params));
        else early.push(updatesOf(params));
      });
      const schema = parseSchema(await connection.request('get_schema', [database], connectTimeoutMs));
      const requests = this.replica.monitorRequests(schema);
      this.replica.reset(
        await connection.request('monitor_cond', [database, MONITOR_ID, requests], synchroniseTimeoutMs),
      );
      for (const updates of early) this.replica.apply(updates);
      early = undefined;
      // Not before: a server that gathers 100,000 rows is silent for seconds.
      connection.keepAlive(keepAliveMs);
      this.#connection = connection;
      onSynchronised();
      for (const wake of [...this.#waiting]) wake();
      throw await ended;
    } finally {
      this.#stopped.signal.removeEventListener('abort', stop);
      if (this.#connection === connection) this.#connection = undefined;
      connection.close();
    }
  }

  async #pause(delayMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, delayMs);
    const stop = (): void => resolve();
    this.#stopped.signal.addEventListener('abort', stop, { once: true });
    if (this.#stopped.signal.aborted) resolve();
    await promise;
    clearTimeout(timer);
    this.#stopped.signal.removeEventListener('abort', stop);
  }
}

function updatesOf(params: unknown): unknown {
  if (!Array.isArray(params) || params[0] !== MONITOR_ID)
    throw new OvsdbProtocolError('an update for a monitor that was not asked for');
  return params[1];
}

/** One element per operation; an error element ends the list, or follows it when the commit failed (RFC 7047 §4.1.3). */
function readResults(answer: unknown, operationCount: number): OperationResult[] {
  if (!Array.isArray(answer)) throw new OvsdbProtocolError('the answer to a transaction is not a list');
  for (const [index, result] of answer.entries()) {
    if (typeof result !== 'object' || result === null || !('error' in result)) continue;
    const { error, details } = result as { error: unknown; details?: unknown };
    throw new OvsdbTransactionError(
      String(error),
      typeof details === 'string' ? details : '',
      index < operationCount ? index : null,
    );
  }
  if (answer.length !== operationCount)
    throw new OvsdbProtocolError('the answer to a transaction has another length than the transaction');
  return answer as OperationResult[];
}
