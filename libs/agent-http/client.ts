import type { ClientRequest, IncomingMessage } from 'node:http';
import { Agent, request as httpsRequest } from 'node:https';
import type { RequestOptions } from 'node:https';
import { createSecureContext } from 'node:tls';
import type { Endpoint } from './endpoint.ts';
import { parseEndpoint } from './endpoint.ts';
import { AgentProblem, AgentUnreachable } from './problem.ts';
import type { AgentMethod } from './route.ts';
import type { TlsIdentity } from './tls-identity.ts';
import { loadTlsIdentity } from './tls-identity.ts';

const defaultTimeoutMs = 30_000;
const answerBytesMax = 256 * 1024 ** 2;
const idleConnectionsMax = 64;

export interface CallOptions {
  /** For the whole call, answer included; 30 s unless given. */
  readonly timeoutMs?: number;
  /** Aborting it ends the call; the call then throws the signal's reason. */
  readonly signal?: AbortSignal;
  /** Sent as `X-Request-Id`, so that both ends' logs can be joined. */
  readonly requestId?: string;
}

/**
 * Calls one agent over mutual TLS with pooled keep-alive connections. Every method throws `AgentProblem` for an
 * answer other than 2xx and `AgentUnreachable` when there is no answer.
 */
export class AgentClient {
  readonly endpoint: string;
  readonly #target: Endpoint;
  readonly #base: RequestOptions;
  readonly #pool: Agent;
  /** Connections that nobody used before: for calls that must not meet one that died with the agent's last process. */
  readonly #fresh: Agent;

  constructor(endpoint: string, tls: TlsIdentity) {
    this.endpoint = endpoint;
    this.#target = parseEndpoint(endpoint);
    const secureContext = createSecureContext({ ...loadTlsIdentity(tls), minVersion: 'TLSv1.3' });
    // On the agents, not on each request: Node keeps no connection alive that was checked per request.
    const check =
      this.#target.kind === 'unix' ? { secureContext, checkServerIdentity: anyServerOfOurCa } : { secureContext };
    this.#pool = new Agent({ ...check, keepAlive: true, maxFreeSockets: idleConnectionsMax });
    this.#fresh = new Agent({ ...check, keepAlive: false });
    this.#base =
      this.#target.kind === 'unix'
        ? { socketPath: this.#target.path }
        : { host: this.#target.host, port: this.#target.port };
  }

  async get<T>(path: string, options?: CallOptions): Promise<T> {
    return await this.#call<T>({ method: 'GET', path, body: undefined, options });
  }

  async put<T>(path: string, body?: unknown, options?: CallOptions): Promise<T> {
    return await this.#call<T>({ method: 'PUT', path, body, options });
  }

  async post<T>(path: string, body?: unknown, options?: CallOptions): Promise<T> {
    return await this.#call<T>({ method: 'POST', path, body, options });
  }

  async delete<T = void>(path: string, options?: CallOptions): Promise<T> {
    return await this.#call<T>({ method: 'DELETE', path, body: undefined, options });
  }

  /** The raw answer of a GET, once its head has come; `timeoutMs` covers the wait for the head only. */
  async stream(path: string, options?: CallOptions): Promise<IncomingMessage> {
    const answer = await this.#send({ method: 'GET', path, body: undefined, options }, this.#fresh, (head) => {
      return Promise.resolve(head);
    });
    if (isSuccess(answer)) {
      const onAbort = (): void => {
        answer.destroy(abortReason(options?.signal));
      };
      options?.signal?.addEventListener('abort', onAbort, { once: true });
      answer.once('close', () => options?.signal?.removeEventListener('abort', onAbort));
      return answer;
    }
    throw problemOf(answer, await textOf(answer));
  }

  /** Ends all connections; calls still running fail with `AgentUnreachable`. */
  close(): void {
    this.#pool.destroy();
    this.#fresh.destroy();
  }

  async #call<T>(call: Call): Promise<T> {
    const read = async (head: IncomingMessage): Promise<T> => {
      const text = await textOf(head);
      if (!isSuccess(head)) throw problemOf(head, text);
      // The answer's type is the caller's knowledge of the contract; a 204 is `undefined`.
      return (text === '' ? undefined : JSON.parse(text)) as T;
    };
    if (call.method === 'POST') return await this.#send(call, this.#fresh, read);
    try {
      return await this.#send(call, this.#pool, read);
    } catch (error) {
      if (!(error instanceof AgentUnreachable) || !isBrokenConnection(error.cause)) throw error;
      return await this.#send(call, this.#fresh, read);
    }
  }

  #send<R>(call: Call, agent: Agent, read: (head: IncomingMessage) => Promise<R>): Promise<R> {
    const text = call.body === undefined ? undefined : JSON.stringify(call.body);
    const { timeoutMs = defaultTimeoutMs, signal, requestId } = call.options ?? {};
    const headers: Record<string, string | number> = {};
    if (requestId !== undefined) headers['X-Request-Id'] = requestId;
    if (text !== undefined) {
      headers['Content-Type'] = 'application/json';
      headers['Content-Length'] = Buffer.byteLength(text);
    }
    return new Promise<R>((resolve, reject) => {
      const request: ClientRequest = httpsRequest({
        ...this.#base,
        agent,
        method: call.method,
        path: this.#target.prefix + call.path,
        headers,
      });
      // Ending a request half-way reads like a connection reset, so why it ended is kept here.
      let ended: Error | undefined;
      const end = (why: Error): void => {
        ended = why;
        request.destroy(why);
      };
      const onAbort = (): void => end(abortReason(signal));
      const timer = setTimeout(
        () => end(new AgentUnreachable(this.endpoint, new Error(`no answer within ${timeoutMs} ms`))),
        timeoutMs,
      );
      const settle = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', onAbort);
      };
      const failed = (error: Error): void => {
        settle();
        reject(ended ?? (error instanceof AgentProblem ? error : new AgentUnreachable(this.endpoint, error)));
      };
      request.on('error', failed);
      request.on('response', (head) => {
        read(head).then((result) => {
          settle();
          resolve(result);
        }, failed);
      });
      if (signal?.aborted === true) onAbort();
      else signal?.addEventListener('abort', onAbort, { once: true });
      request.end(text);
    });
  }
}

interface Call {
  readonly method: AgentMethod;
  readonly path: string;
  readonly body: unknown;
  readonly options: CallOptions | undefined;
}

function abortReason(signal: AbortSignal | undefined): Error {
  const reason: unknown = signal?.reason;
  return reason instanceof Error ? reason : new Error('the call was aborted', { cause: reason });
}

/** A path has no host name to compare: the CA (checked before this) and the socket's mode 0600 say who it is. */
function anyServerOfOurCa(): undefined {
  return undefined;
}

function isSuccess(answer: IncomingMessage): boolean {
  const status = answer.statusCode ?? 0;
  return status >= 200 && status < 300;
}

async function textOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > answerBytesMax) throw new Error(`the answer is larger than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function problemOf(answer: IncomingMessage, text: string): AgentProblem {
  const status = answer.statusCode ?? 500;
  try {
    const { code, message } = JSON.parse(text) as { code?: unknown; message?: unknown };
    if (typeof code === 'string' && typeof message === 'string') return new AgentProblem(status, code, message);
  } catch {
    // Not one of our answers: told below by its status alone.
  }
  return new AgentProblem(status, 'internal', `the agent answered HTTP ${status}`);
}

/** A connection that broke, as opposed to one that could not be made or an answer that took too long. */
function isBrokenConnection(cause: unknown): boolean {
  const code = (cause as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNRESET' || code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNABORTED';
}
