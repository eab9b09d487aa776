import { connect } from 'node:net';
import type { Socket } from 'node:net';

/** An answer as the load generator sees it. */
export interface Answer {
  readonly status: number;
  /** The `Location` header, null when there is none. */
  readonly location: string | null;
  readonly body: string;
}

interface Pending {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

const headEnd = Buffer.from('\r\n\r\n');
const answerTimeoutMs = 120_000;

/**
 * One keep-alive HTTP/1.1 connection with one request under way. It does the least a client can do, because the load
 * generator shares two cores with what it measures: no parsing beyond the status, the length and the location.
 */
export class HttpConnection {
  readonly #socket: Socket;
  readonly #headers: string;
  #received: Buffer = Buffer.alloc(0);
  #pending: Pending | null = null;
  #closed: Error | null = null;

  private constructor(socket: Socket, headers: string) {
    this.#socket = socket;
    this.#headers = headers;
    socket.setNoDelay(true);
    socket.setTimeout(answerTimeoutMs, () => socket.destroy(new Error('no answer in time')));
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
  }

  /** @param baseUrl plain HTTP, such as `http://127.0.0.1:8080` */
  static async open(baseUrl: string, token: string | null): Promise<HttpConnection> {
    const { hostname, port, host } = new URL(baseUrl);
    const socket = connect({ host: hostname, port: Number(port) });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const authorization = token === null ? '' : `Authorization: Bearer ${token}\r\n`;
    return new HttpConnection(socket, `Host: ${host}\r\n${authorization}`);
  }

  /** Sends one request; the next may follow when it is answered. @throws Error when the connection breaks */
  send(method: string, path: string, body?: string): Promise<Answer> {
    if (this.#closed !== null) return Promise.reject(this.#closed);
    if (this.#pending !== null) return Promise.reject(new Error('a request is under way'));
    const length =
      body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`;
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#pending = { resolve, reject };
    });
    this.#socket.write(`${method} ${path} HTTP/1.1\r\n${this.#headers}${length}\r\n${body ?? ''}`);
    return answer;
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const end = this.#received.indexOf(headEnd);
    if (end === -1) return;
    const head = this.#received.toString('latin1', 0, end);
    const bodyStart = end + headEnd.length;
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (length === undefined) {
      if (/\r\ntransfer-encoding: *chunked/i.test(head)) this.#takeChunked(head, bodyStart);
      else this.#answer(head, { body: '', next: bodyStart });
      return;
    }
    const next = bodyStart + Number(length);
    if (this.#received.length < next) return;
    this.#answer(head, { body: this.#received.toString('utf8', bodyStart, next), next });
  }

  #takeChunked(head: string, bodyStart: number): void {
    const pieces: Buffer[] = [];
    for (let at = bodyStart; ;) {
      const lineEnd = this.#received.indexOf('\r\n', at);
      if (lineEnd === -1) return;
      const size = Number.parseInt(this.#received.toString('latin1', at, lineEnd), 16);
      const next = lineEnd + 2 + size + 2;
      if (this.#received.length < next) return;
      if (size === 0) {
        this.#answer(head, { body: Buffer.concat(pieces).toString('utf8'), next });
        return;
      }
      pieces.push(this.#received.subarray(lineEnd + 2, lineEnd + 2 + size));
      at = next;
    }
  }

  #answer(head: string, { body, next }: { body: string; next: number }): void {
    this.#received = this.#received.subarray(next);
    const pending = this.#pending;
    this.#pending = null;
    const location = /\r\nlocation: *([^\r]*)/i.exec(head)?.[1] ?? null;
    pending?.resolve({ status: Number(head.slice(9, 12)), location, body });
  }

  #fail(error: Error): void {
    this.#closed ??= error;
    this.#pending?.reject(this.#closed);
    this.#pending = null;
  }
}
