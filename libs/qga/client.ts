import { randomInt } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';

/** The guest agent refused a command: its error class and description. */
export class QgaError extends Error {
  readonly class: string;
  readonly desc: string;

  constructor(command: string, errorClass: string, desc: string) {
    super(`${command}: ${desc}`);
    this.name = 'QgaError';
    this.class = errorClass;
    this.desc = desc;
  }
}

/** Nobody answers in the guest, or the channel's socket is gone. */
export class QgaUnavailable extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'QgaUnavailable';
  }
}

/** Before a guest-sync-delimited answer the agent sends this byte, which occurs in no JSON text. */
const SENTINEL = 0xff;
const LINE_FEED = 0x0a;
/** Answers are small; a guest is not to be trusted with our memory. */
const MAX_LINE = 4 * 1024 * 1024;

interface Waiting {
  readonly command: string;
  readonly timer: NodeJS.Timeout;
  readonly settle: (outcome: { value?: unknown; error?: Error }) => void;
}

/**
 * QEMU guest agent protocol over the unix socket of a virtio-serial port. The protocol has no ids and the guest may have restarted
 * half-way through an answer, so commands go one at a time, and after connecting or a command that got no answer the stream is
 * resynchronised (guest-sync-delimited). Everything a guest answers is untrusted data.
 */
export class QgaClient {
  readonly #socket: Socket;
  readonly #path: string;
  #chunks: Buffer = Buffer.alloc(0);
  #waiting: Waiting | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #synced = false;
  /** While synchronising: the number to wait for; everything else is left over from an earlier conversation. */
  #syncId: number | undefined;
  #closed = false;

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end());
  }

  /** Connects to the channel; says nothing about whether an agent listens in the guest. Throws QgaUnavailable. */
  static async connect(socketPath: string, options: { timeoutMs: number }): Promise<QgaClient> {
    const socket = createConnection({ path: socketPath });
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => fail(new Error(`no connection in ${options.timeoutMs} ms`)), options.timeoutMs);
      const fail = (cause: Error): void => {
        clearTimeout(timer);
        socket.destroy();
        reject(new QgaUnavailable(`${socketPath}: ${cause.message}`, { cause }));
      };
      socket.once('error', fail);
      socket.once('connect', () => {
        clearTimeout(timer);
        socket.off('error', fail);
        resolve();
      });
    });
    return new QgaClient(socket, socketPath);
  }

  /** Runs one command. Throws QgaError when it is refused, QgaUnavailable when nobody answers in time. */
  execute<T = unknown>(command: string, args?: object, options: { timeoutMs?: number } = {}): Promise<T> {
    const timeoutMs = options.timeoutMs ?? 5_000;
    return this.#queue(async () => {
      await this.#sync(timeoutMs);
      return (await this.#exchange({ command, args, timeoutMs })) as T;
    });
  }

  /**
   * Sends a command that has no answer when it works (guest-shutdown). Resolves when it is written.
   * Throws QgaUnavailable when the agent does not even answer the resynchronisation.
   */
  send(command: string, args: object | undefined, options: { timeoutMs: number }): Promise<void> {
    return this.#queue(async () => {
      await this.#sync(options.timeoutMs);
      this.#synced = false;
      this.#socket.write(request(command, args));
    });
  }

  close(): void {
    this.#socket.destroy();
    this.#end();
  }

  get closed(): boolean {
    return this.#closed;
  }

  #queue<T>(work: () => Promise<T>): Promise<T> {
    const mine = this.#tail.then(work, work);
    this.#tail = mine.catch(() => undefined);
    return mine;
  }

  async #sync(timeoutMs: number): Promise<void> {
    if (this.#synced) return;
    const id = randomInt(1, 2 ** 31);
    this.#chunks = Buffer.alloc(0);
    this.#syncId = id;
    try {
      // The leading sentinel makes the agent drop whatever half request it may hold.
      await this.#exchange({ command: 'guest-sync-delimited', args: { id }, timeoutMs, prefix: [SENTINEL] });
    } finally {
      this.#syncId = undefined;
    }
    this.#synced = true;
  }

  #exchange(call: {
    command: string;
    args: object | undefined;
    timeoutMs: number;
    prefix?: number[];
  }): Promise<unknown> {
    const answer = this.#await(call.command, call.timeoutMs);
    if (!this.#closed)
      this.#socket.write(
        Buffer.concat([Buffer.from(call.prefix ?? []), Buffer.from(request(call.command, call.args))]),
      );
    return answer;
  }

  #await(command: string, timeoutMs: number): Promise<unknown> {
    if (this.#closed) return Promise.reject(new QgaUnavailable(`${command}: ${this.#path} is closed`));
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#synced = false;
        settle({ error: new QgaUnavailable(`${command}: no answer from the guest agent in ${timeoutMs} ms`) });
      }, timeoutMs);
      const settle: Waiting['settle'] = ({ value, error }) => {
        clearTimeout(timer);
        this.#waiting = undefined;
        if (error) reject(error);
        else resolve(value);
      };
      this.#waiting = { command, timer, settle };
    });
  }

  #read(chunk: Buffer): void {
    this.#chunks = this.#chunks.length === 0 ? chunk : Buffer.concat([this.#chunks, chunk]);
    for (let end = this.#chunks.indexOf(LINE_FEED); end >= 0; end = this.#chunks.indexOf(LINE_FEED)) {
      const line = this.#chunks.subarray(0, end);
      this.#chunks = this.#chunks.subarray(end + 1);
      this.#line(
        line
          .subarray(line.lastIndexOf(SENTINEL) + 1)
          .toString('utf8')
          .trim(),
      );
    }
    if (this.#chunks.length > MAX_LINE) this.#socket.destroy(new Error('answer without end'));
  }

  #line(text: string): void {
    const waiting = this.#waiting;
    if (text === '' || waiting === undefined) return;
    let answer: { return?: unknown; error?: { class: string; desc: string } };
    try {
      answer = JSON.parse(text) as typeof answer;
    } catch {
      if (this.#syncId !== undefined) return;
      this.#synced = false;
      waiting.settle({ error: new QgaUnavailable(`${waiting.command}: the guest agent answered no JSON`) });
      return;
    }
    if (this.#syncId !== undefined && answer.return !== this.#syncId) return;
    if (answer.error === undefined) waiting.settle({ value: answer.return });
    else waiting.settle({ error: new QgaError(waiting.command, answer.error.class, answer.error.desc) });
  }

  #end(cause?: Error): void {
    if (this.#closed) return;
    this.#closed = true;
    const error = new QgaUnavailable(
      `${this.#path}: ${cause?.message ?? 'connection ended'}`,
      cause ? { cause } : undefined,
    );
    this.#waiting?.settle({ error });
  }
}

function request(command: string, args: object | undefined): string {
  return `${JSON.stringify(args === undefined ? { execute: command } : { execute: command, arguments: args })}\n`;
}
