import { EventEmitter, once } from 'node:events';
import type { Socket } from 'node:net';
import { openSocket, type Endpoint, type TlsFiles } from './endpoint.ts';
import { OvsdbProtocolError, OvsdbRequestError, OvsdbTimeout, OvsdbUnavailable } from './errors.ts';
import { JsonFramer } from './framing.ts';

export interface ConnectionOptions {
  tls?: TlsFiles | undefined;
  connectTimeoutMs: number;
  /** Gives up the attempt. */
  signal: AbortSignal;
}

interface Pending {
  method: string;
  timer: NodeJS.Timeout;
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

interface Events {
  /** A notification of the server, in the order of the stream and before any later reply is handed out. */
  notification: [method: string, params: unknown];
  close: [cause: Error];
}

/** One JSON-RPC 1.0 session (RFC 7047 §4): requests are pipelined, answers are matched by id. */
export class OvsdbConnection extends EventEmitter<Events> {
  readonly #socket: Socket;
  readonly #framer = new JsonFramer();
  readonly #pending = new Map<number, Pending>();
  #keepAlive: NodeJS.Timeout | undefined;
  #nextId = 0;
  #heard = true;
  #probing = false;
  #closed = false;

  /** @throws {OvsdbUnavailable} when nobody answers there within `connectTimeoutMs`. */
  static async open(endpoint: Endpoint, options: ConnectionOptions): Promise<OvsdbConnection> {
    const socket = openSocket(endpoint, options.tls);
    try {
      await once(socket, endpoint.kind === 'ssl' ? 'secureConnect' : 'connect', {
        signal: AbortSignal.any([options.signal, AbortSignal.timeout(options.connectTimeoutMs)]),
      });
    } catch (cause) {
      // A late error of a socket that nobody waits for any more must not end the process.
      socket.on('error', () => undefined);
      socket.destroy();
      throw new OvsdbUnavailable(`no OVSDB server at ${describe(endpoint)}: ${messageOf(cause)}`, { cause });
    }
    return new OvsdbConnection(socket);
  }

  private constructor(socket: Socket) {
    super();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
    socket.on('error', (error) =>
      this.close(new OvsdbUnavailable(`the OVSDB connection broke: ${error.message}`, { cause: error })),
    );
    socket.on('close', () => this.close(new OvsdbUnavailable('the OVSDB server closed the connection')));
  }

  /** From now on a silent server is asked with `echo` after this time, and given up after twice this time. */
  keepAlive(intervalMs: number): void {
    if (this.#closed) return;
    this.#keepAlive = setInterval(() => this.#probe(), intervalMs);
    this.#keepAlive.unref();
  }

  /**
   * @throws {OvsdbUnavailable} when the connection ends first.
   * @throws {OvsdbTimeout} when no answer comes within `timeoutMs`.
   * @throws {OvsdbRequestError} when the server answers with an error.
   */
  request(method: string, params: unknown[], timeoutMs: number): Promise<unknown> {
    if (this.#closed) return Promise.reject(new OvsdbUnavailable('the OVSDB connection is closed'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new OvsdbTimeout(`OVSDB ${method} was not answered within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(id, { method, timer, resolve, reject });
      this.#send({ method, params, id });
    });
  }

  /** Ends the session; everything pending fails with `cause`. */
  close(cause: Error = new OvsdbUnavailable('the OVSDB connection was closed by this side')): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#keepAlive);
    this.#socket.destroy();
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(cause);
    }
    this.#pending.clear();
    this.emit('close', cause);
  }

  #send(message: unknown): void {
    this.#socket.write(JSON.stringify(message));
  }

  #probe(): void {
    if (this.#heard) {
      this.#heard = false;
      this.#probing = false;
    } else if (this.#probing) {
      this.close(new OvsdbUnavailable('the OVSDB server fell silent'));
    } else {
      this.#probing = true;
      this.#send({ method: 'echo', params: [], id: 'keep-alive' });
    }
  }

  #receive(chunk: Buffer): void {
    this.#heard = true;
    try {
      for (const message of this.#framer.push(chunk)) this.#dispatch(message);
    } catch (cause) {
      const error = cause instanceof OvsdbProtocolError ? cause : new OvsdbProtocolError(messageOf(cause), { cause });
      this.close(new OvsdbUnavailable(`the OVSDB connection was given up: ${error.message}`, { cause: error }));
    }
  }

  #dispatch(message: unknown): void {
    const { method, params, id, result, error } = message as Record<string, unknown>;
    if (typeof method === 'string') {
      if (id === null || id === undefined) this.emit('notification', method, params);
      else if (method === 'echo') this.#send({ result: params, error: null, id });
      else this.#send({ result: null, error: 'unknown method', id });
      return;
    }
    const pending = typeof id === 'number' ? this.#pending.get(id) : undefined;
    // The answer to an echo, or one that came after its time-out.
    if (typeof id !== 'number' || pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (error !== null && error !== undefined) pending.reject(new OvsdbRequestError(pending.method, error));
    else pending.resolve(result);
  }
}

function describe(endpoint: Endpoint): string {
  return endpoint.kind === 'unix' ? `unix:${endpoint.path}` : `${endpoint.kind}:${endpoint.host}:${endpoint.port}`;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.name === 'AbortError' && error.cause instanceof Error ? error.cause.message : error.message;
}
