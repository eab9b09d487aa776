import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { Logger } from 'pino';
import type { AgentContract } from './contract.ts';
import { parseEndpoint } from './endpoint.ts';
import { listen } from './listen.ts';
import { AgentProblem, notFound } from './problem.ts';
import { readJsonBody } from './request-body.ts';
import type { AgentAnswer, AgentRoute } from './route.ts';
import { RouteTable } from './route.ts';
import type { TlsIdentity } from './tls-identity.ts';
import { loadTlsIdentity } from './tls-identity.ts';

/** Longer than any caller's pause between two calls, so that connections are rarely made anew. */
const keepAliveMs = 120_000;
const closeGraceMs = 4_000;

export type AgentLog = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'>;

/** Several agents may share one socket, each under its prefix (`/hosts/fr1-az01-h01`). */
export interface AgentMount {
  /** '' or a path that starts with '/'. */
  readonly prefix: string;
  readonly routes: readonly AgentRoute[];
  /** When given, requests are checked against it before the handler sees them. */
  readonly contract?: AgentContract;
}

export interface ServeAgentOptions {
  /** `unix:/abs/path.sock` or `https://host:port` (see `parseEndpoint`); port 0 takes a free one. */
  readonly endpoint: string;
  readonly tls: TlsIdentity;
  readonly routes?: readonly AgentRoute[];
  readonly contract?: AgentContract;
  readonly mounts?: readonly AgentMount[];
  readonly log: AgentLog;
}

export interface AgentServer {
  /** The endpoint clients use; with the real port when 0 was asked for. */
  readonly endpoint: string;
  /** Ends idle connections, lets running requests end for up to 4 s, then cuts them. */
  close(): Promise<void>;
}

interface Mounted {
  readonly table: RouteTable;
  readonly contract: AgentContract | undefined;
}

/**
 * Serves agent routes over mutual TLS 1.3: only callers with a certificate of our CA get as far as HTTP. `GET /healthz`
 * is built in, also below every prefix.
 * @throws Error when another live process already listens on the endpoint
 */
export async function serveAgent(options: ServeAgentOptions): Promise<AgentServer> {
  const mounts = mountTable(options);
  const running = new Set<AbortController>();
  const server = createServer({
    ...loadTlsIdentity(options.tls),
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
    keepAliveTimeout: keepAliveMs,
    requestTimeout: 30_000,
  });
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    void serve({ request, response, mounts, running, log: options.log });
  });
  server.on('tlsClientError', (error: Error) => options.log.debug({ err: error }, 'refused a TLS connection'));
  const endpoint = await listen(server, parseEndpoint(options.endpoint));
  return { endpoint, close: () => closeServer(server, running) };
}

function mountTable(options: ServeAgentOptions): Map<string, Mounted> {
  const own = options.routes === undefined ? [] : [{ prefix: '', routes: options.routes, contract: options.contract }];
  const mounts = new Map<string, Mounted>();
  for (const { prefix, routes, contract } of [...own, ...(options.mounts ?? [])]) {
    if (mounts.has(prefix)) throw new RangeError(`two mounts under '${prefix}'`);
    mounts.set(prefix, { table: new RouteTable([health, ...routes]), contract });
  }
  return mounts;
}

const health: AgentRoute = {
  method: 'GET',
  path: '/healthz',
  handler: () => Promise.resolve({ status: 200, body: { status: 'ok' } }),
};

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly mounts: ReadonlyMap<string, Mounted>;
  readonly running: Set<AbortController>;
  readonly log: AgentLog;
}

async function serve({ request, response, mounts, running, log }: Exchange): Promise<void> {
  const controller = new AbortController();
  const isRead = request.method === 'GET';
  if (isRead) running.add(controller);
  const requestId = requestIdOf(request);
  response.setHeader('X-Request-Id', requestId);
  response.on('close', () => {
    running.delete(controller);
    if (!response.writableFinished) controller.abort(new Error('the caller hung up'));
  });
  try {
    await send(response, await answer({ request, mounts, requestId, signal: controller.signal }));
  } catch (error) {
    fail({ response, error, log: { requestId, method: request.method, path: request.url }, to: log });
  }
}

interface Asked {
  readonly request: IncomingMessage;
  readonly mounts: ReadonlyMap<string, Mounted>;
  readonly requestId: string;
  readonly signal: AbortSignal;
}

async function answer({ request, mounts, requestId, signal }: Asked): Promise<AgentAnswer> {
  const [path = '/', search = ''] = (request.url ?? '/').split('?', 2);
  for (let cut = path.length; cut >= 0; cut = cut === 0 ? -1 : path.lastIndexOf('/', cut - 1)) {
    const mounted = mounts.get(path.slice(0, cut));
    const found = mounted?.table.find(request.method ?? '', path.slice(cut));
    if (mounted === undefined || found === undefined) continue;
    const body = await readJsonBody(request);
    const query: Record<string, string> = {};
    if (search !== '') for (const [key, value] of new URLSearchParams(search)) query[key] ??= value;
    const asked = { params: found.params, query, body, signal, requestId };
    mounted.contract?.check(found.route, asked);
    return await found.route.handler(asked);
  }
  throw notFound(`${request.method ?? ''} ${path}`);
}

async function send(response: ServerResponse, reply: AgentAnswer): Promise<void> {
  if ('stream' in reply) {
    response.writeHead(reply.status, reply.headers);
    response.flushHeaders();
    await pipeline(reply.stream, response).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    });
    return;
  }
  if (reply.body === undefined) {
    response.writeHead(reply.status, reply.headers).end();
    return;
  }
  const text = JSON.stringify(reply.body);
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text), ...reply.headers };
  response.writeHead(reply.status, headers).end(text);
}

interface Failure {
  readonly response: ServerResponse;
  readonly error: unknown;
  readonly log: object;
  readonly to: AgentLog;
}

function fail({ response, error, log, to }: Failure): void {
  const known = error instanceof AgentProblem;
  if (!known) to.error({ ...log, err: error }, 'unexpected error while answering');
  if (response.headersSent || response.destroyed) {
    response.destroy();
    return;
  }
  const status = known ? error.status : 500;
  const problem = known
    ? { code: error.code, message: error.message }
    : { code: 'internal', message: 'The agent failed in an unexpected way; its log says more.' };
  // A body that was refused unread would be taken for the next request on this connection.
  if (!response.req.complete) response.setHeader('Connection', 'close');
  response.writeHead(status, { 'Content-Type': 'application/json' }).end(JSON.stringify(problem));
}

function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}

async function closeServer(server: Server, running: ReadonlySet<AbortController>): Promise<void> {
  const closed = new Promise<void>((resolve) => {
    server.close(() => resolve());
  });
  for (const controller of running) controller.abort(new Error('the agent is closing'));
  server.closeIdleConnections();
  // A connection is not idle in the turn its answer ends, so it is asked again until all have gone.
  const idle = setInterval(() => server.closeIdleConnections(), 20);
  const cut = setTimeout(() => server.closeAllConnections(), closeGraceMs);
  await closed;
  clearInterval(idle);
  clearTimeout(cut);
}
