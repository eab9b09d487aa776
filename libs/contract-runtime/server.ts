/** A Fastify server with the transport manners of the contract. */
import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { fastify, LogController } from 'fastify';
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest, FastifyServerOptions } from 'fastify';
import { sendError } from './answer.ts';
import { ApiError } from './errors.ts';
import type { ErrorCode } from './errors.ts';

interface ContractServerOptions {
  /** PEM; plain HTTP without. */
  tls?: { cert: string | Buffer; key: string | Buffer };
  /** A pino logger, shared with the process. */
  logger?: FastifyServerOptions['loggerInstance'];
}

/** Clients keep idle connections for 90 s; closing earlier would break writes that are never repeated. */
const KEEP_ALIVE_MS = 120_000;
const HEADERS_MS = 20_000;
/** For a whole request to arrive; how long a handler works is not limited by it. */
const REQUEST_MS = 60_000;

export const BODY_LIMIT_BYTES = 1024 * 1024;

/** Creates the server that `bindContract` binds to. */
export function createContractServer(options: ContractServerOptions = {}): FastifyInstance {
  const common = {
    bodyLimit: BODY_LIMIT_BYTES,
    keepAliveTimeout: KEEP_ALIVE_MS,
    requestTimeout: REQUEST_MS,
    exposeHeadRoutes: false,
    forceCloseConnections: 'idle',
    genReqId: newRequestId,
    logController: new LogController({ disableRequestLogging: true }),
    frameworkErrors: answerBadUrl,
    clientErrorHandler: answerBadRequest,
    http: { headersTimeout: HEADERS_MS },
    routerOptions: { maxParamLength: 2048, caseSensitive: true, ignoreTrailingSlash: false },
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
  } as const;
  if (options.tls === undefined) return fastify(common);
  const { http, ...rest } = common;
  return fastify({ ...rest, https: { ...http, ...options.tls, minVersion: 'TLSv1.2' } });
}

/**
 * A request id. Error texts carry it, and a client tool takes any error text with the digits `502` for a gateway
 * outage, so an id with them is thrown away.
 */
function newRequestId(): string {
  for (;;) {
    const id = randomUUID();
    if (!id.includes('502')) return id;
  }
}

/** A path that cannot be decoded reaches no route and so no error handler. */
function answerBadUrl(error: FastifyError, request: unknown, response: unknown): void {
  const code = error.code === 'FST_ERR_BAD_URL' ? 'invalid_url' : 'unknown_operation';
  sendError(request as FastifyRequest, response as FastifyReply, new ApiError(code));
}

const SOCKET_ERRORS: Record<string, ErrorCode & ('request_timeout' | 'headers_too_large')> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
  HPE_HEADER_OVERFLOW: 'headers_too_large',
};

/** What is not HTTP at all: answered on the bare socket, which is then closed. */
function answerBadRequest(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const known = SOCKET_ERRORS[error.code ?? ''];
  const answer =
    known === undefined ? new ApiError('invalid_request', { detail: 'it is not HTTP/1.1' }) : new ApiError(known);
  const body = JSON.stringify({ code: answer.code, message: answer.message, requestId: newRequestId() });
  socket.end(
    `HTTP/1.1 ${answer.status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
