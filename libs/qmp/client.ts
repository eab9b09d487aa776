import { EventEmitter } from 'node:events';
import { createConnection, type Socket } from 'node:net';

/** An asynchronous event of the daemon; `timestamp` is its own clock, in milliseconds since the epoch. */
export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly timestamp: number;
}

/** A command the daemon refused: QMP's error class and description. */
export class QmpError extends Error {
  readonly class: string;
  readonly desc: string;

  constructor(command: string, errorClass: string, desc: string) {
    super(`${command}: ${desc}`);
    this.name = 'QmpError';
    this.class = errorClass;
    this.desc = desc;
  }
}

/** The connection is gone, was never made in time, or a command got no answer in time. */
export class QmpUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'QmpUnavailable';
  }
}

/** How long to wait for the greeting; `signal` gives up earlier. */
export interface QmpConnectOptions {
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

interface Pending {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
}

const DEFAULT_TIMEOUT_MS = 30_000;
/** No honest answer is near this long; a peer that never ends its line must not fill our memory. */
const MAX_LINE = 64 * 1024 * 1024;

/**
 * QEMU Machine Protocol over a unix socket, for QEMU and qemu-storage-daemon. Commands may overlap; answers are
 * matched by id. Emits `event` for each asynchronous event and `close` once, when the connection has ended.
 */
export class QmpClient extends EventEmitter<{ event: [QmpEvent]; close: [] }> {
  /** The greeting's version, e.g. `7.2.22`. */
  version = '';
  readonly #socket: Socket;
  readonly #path: string;
  readonly #pending = new Map<number, Pending>();
  #buffer = '';
  #nextId = 1;
  #closed = false;
  #greeted: ((error?: Error) => void) | undefined;

  private constructor(socket: Socket, path: string) {
    super();
    this.#socket = socket;
    this.#path = path;
    socket.setEncoding('utf8');
    socket.on('data', (chunk: string) => this.#read(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end());
  }

  /** Connects, reads the greeting and negotiates capabilities. Throws QmpUnavailable. */
  static async connect(socketPath: string, options: QmpConnectOptions): Promise<QmpClient> {
    const { timeoutMs, signal } = options;
    const deadline = Date.now() + timeoutMs;
    const client = new QmpClient(createConnection({ path: socketPath }), socketPath);
    try {
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(
          () => done(new QmpUnavailable(`${socketPath}: no QMP greeting in ${timeoutMs} ms`)),
          timeoutMs,
        );
        const abort = (): void =>
          done(new QmpUnavailable(`${socketPath}: connection given up`, { cause: signal?.reason }));
        const done = (error?: Error): void => {
          clearTimeout(timer);
          signal?.removeEventListener('abort', abort);
          client.#greeted = undefined;
          if (error) reject(error);
          else resolve();
        };
        client.#greeted = done;
        if (signal?.aborted) abort();
        else signal?.addEventListener('abort', abort, { once: true });
      });
      await client.execute('qmp_capabilities', undefined, { timeoutMs: Math.max(1, deadline - Date.now()) });
      return client;
    } catch (error) {
      client.close();
      throw error;
    }
  }

  /** Runs one command. Throws QmpError when it is refused, QmpUnavailable when no answer comes. */
  execute<T = unknown>(command: string, args?: object, options: { timeoutMs?: number } = {}): Promise<T> {
    if (this.#closed) return Promise.reject(new QmpUnavailable(`${command}: ${this.#path} is closed`));
    const id = this.#nextId++;
    const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    const request = args === undefined ? { execute: command, id } : { execute: command, arguments: args, id };
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#pending.delete(id);
        reject(new QmpUnavailable(`${command}: no answer in ${timeoutMs} ms`));
      }, timeoutMs);
      this.#pending.set(id, { command, resolve: (value) => resolve(value as T), reject, timer });
      this.#socket.write(`${JSON.stringify(request)}\n`);
    });
  }

  /** Ends the connection; the daemon goes on. Pending commands fail. */
  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  get closed(): boolean {
    return this.#closed;
  }

  #read(chunk: string): void {
    this.#buffer += chunk;
    for (let end = this.#buffer.indexOf('\n'); end >= 0; end = this.#buffer.indexOf('\n')) {
      const line = this.#buffer.slice(0, end).trim();
      this.#buffer = this.#buffer.slice(end + 1);
      if (line !== '') this.#message(line);
    }
    if (this.#buffer.length > MAX_LINE) this.#socket.destroy(new QmpUnavailable(`${this.#path}: answer without end`));
  }

  #message(line: string): void {
    let message: Message;
    try {
      message = JSON.parse(line) as Message;
    } catch (cause) {
      this.#socket.destroy(new QmpUnavailable(`${this.#path}: not QMP`, { cause }));
      return;
    }
    if (message.QMP !== undefined) {
      const { major, minor, micro } = message.QMP.version.qemu;
      this.version = `${major}.${minor}.${micro}`;
      this.#greeted?.();
    } else if (message.event !== undefined) {
      const { seconds, microseconds } = message.timestamp ?? { seconds: Date.now() / 1000, microseconds: 0 };
      this.emit('event', {
        event: message.event,
        data: message.data ?? {},
        timestamp: seconds * 1000 + Math.floor(microseconds / 1000),
      });
    } else if (message.id !== undefined) {
      this.#answer(message.id, message);
    }
  }

  #answer(id: number, message: Message): void {
    const pending = this.#pending.get(id);
    // An answer after its timeout has nobody waiting any more.
    if (pending === undefined) return;
    this.#pending.delete(id);
    clearTimeout(pending.timer);
    if (message.error === undefined) pending.resolve(message.return);
    else pending.reject(new QmpError(pending.command, message.error.class, message.error.desc));
  }

  #end(cause?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    const reason = new QmpUnavailable(
      `${this.#path}: ${cause?.message ?? 'connection ended'}`,
      cause ? { cause } : undefined,
    );
    this.#greeted?.(reason);
    for (const pending of this.#pending.values()) {
      clearTimeout(pending.timer);
      pending.reject(reason);
    }
    this.#pending.clear();
    this.emit('close');
  }
}

interface Message {
  readonly QMP?: {
    readonly version: { readonly qemu: { readonly major: number; readonly minor: number; readonly micro: number } };
  };
  readonly event?: string;
  readonly data?: Record<string, unknown>;
  readonly timestamp?: { readonly seconds: number; readonly microseconds: number };
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}
