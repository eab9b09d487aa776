/** Binds the operations of a contract to their handlers on a Fastify server. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { sendAnswer, sendError, sendRateLimited } from './answer.ts';
import type { AnyReply, Handlers, Principal } from './call.ts';
import { listOperations } from './document.ts';
import type { OpenApiDocument, OperationInfo } from './document.ts';
import { ApiError } from './errors.ts';
import type { ErrorCode } from './errors.ts';
import { parseJsonBody } from './json-body.ts';
import { BoundOperation } from './operation.ts';
import type { UntypedHandler } from './operation.ts';
import { RateLimiter } from './rate-limit.ts';
import type { RateLimitOptions } from './rate-limit.ts';
import { serveReference } from './reference-page.ts';
import { SchemaCompiler } from './schemas.ts';
import { BODY_LIMIT_BYTES } from './server.ts';

/** One finished request, for the audit trail and the metrics. */
export interface AuditEntry {
  operationId: string;
  method: string;
  principal: Principal | null;
  status: number;
  requestId: string;
  sourceIp: string;
  durationMs: number;
}

export interface BindOptions<Ops> {
  document: OpenApiDocument;
  handlers: Handlers<Ops>;
  /** Says who a token is; throws `ApiError('unauthenticated')` for one that is missing, malformed or expired. */
  authenticate: (authorizationHeader: string | undefined, sourceIp: string) => Promise<Principal>;
  audit?: (entry: AuditEntry) => void;
  /** Answers off the contract become 500 with a log line. On in every test. */
  validateResponses: boolean;
  /** Every path is served under each of these, for example `['', '/api']`. */
  prefixes: readonly string[];
  /** API-05; no limits without. */
  rateLimits?: RateLimitOptions;
}

/** What the hooks of one request share. */
interface RequestState {
  operation: BoundOperation;
  principal: Principal | null;
}

/**
 * Registers every operation under every prefix, `/docs` and `/openapi.json`, and the error and not-found handlers of the
 * server. Throws when an operation lacks a handler or `x-permission`, or a handler lacks an operation.
 */
export async function bindContract<Ops>(app: FastifyInstance, options: BindOptions<Ops>): Promise<void> {
  const operations = listOperations(options.document);
  // The compiler has matched each handler with its operation; from here on only the contract does.
  const handlers = options.handlers as unknown as Record<string, UntypedHandler>;
  checkComplete(operations, handlers);
  const compiler = new SchemaCompiler(options.document);
  const { document, validateResponses } = options;
  const bound = operations.map(
    (info) =>
      new BoundOperation(info, {
        document,
        compiler,
        validateResponses,
        // checkComplete has seen to it that every operation has one.
        handler: handlers[info.operationId] as UntypedHandler,
      }),
  );
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request, response) => {
    sendError(request, response, new ApiError('unknown_operation'));
  });
  await app.register(async (scope) => {
    const binding = new Binding(scope, options);
    for (const operation of bound) binding.route(operation);
    serveReference(scope, options.document, options.prefixes);
  });
}

function checkComplete(operations: readonly OperationInfo[], handlers: Record<string, unknown>): void {
  const declared = new Set(operations.map((info) => info.operationId));
  const problems = [
    ...operations.filter((info) => !(info.operationId in handlers)).map((info) => `${info.operationId} has no handler`),
    ...operations
      .filter((info) => info.permissions === undefined)
      .map((info) => `${info.operationId} has no x-permission`),
    ...Object.keys(handlers)
      .filter((id) => !declared.has(id))
      .map((id) => `handler ${id} has no operation`),
  ];
  if (problems.length > 0) throw new Error(`contract and handlers differ: ${problems.join('; ')}`);
}

class Binding {
  readonly #scope: FastifyInstance;
  readonly #prefixes: readonly string[];
  readonly #authenticate: BindOptions<unknown>['authenticate'];
  readonly #audit: ((entry: AuditEntry) => void) | undefined;
  readonly #limiter: RateLimiter | undefined;
  readonly #states = new WeakMap<FastifyRequest, RequestState>();

  constructor(scope: FastifyInstance, options: Omit<BindOptions<unknown>, 'document' | 'handlers'>) {
    this.#scope = scope;
    this.#prefixes = options.prefixes;
    this.#authenticate = options.authenticate;
    this.#audit = options.audit;
    this.#limiter = options.rateLimits?.enabled === true ? new RateLimiter(options.rateLimits) : undefined;
    acceptJsonOnly(scope);
    scope.addHook('onResponse', async (request, response) => this.#finish(request, response));
  }

  route(operation: BoundOperation): void {
    const { info } = operation;
    for (const prefix of this.#prefixes) {
      this.#scope.route({
        method: info.method.toUpperCase(),
        url: prefix + routePattern(info),
        // Callback style: a reply is a thenable, so an async hook or handler would wait until the caller has read it.
        onRequest: (request, response, done) => {
          this.#admit(operation, request, response).then((admitted) => {
            if (admitted) done();
          }, done);
        },
        handler: (request, response) => {
          this.#run(operation, request, response).catch((error: unknown) => {
            response.send(error);
          });
        },
      });
    }
  }

  /** Before the body is read: rate limit, authentication, permission. */
  async #admit(operation: BoundOperation, request: FastifyRequest, response: FastifyReply): Promise<boolean> {
    const wait = this.#limiter?.take(operation.bucket, request.ip, operation.perSecond) ?? 0;
    if (wait > 0) {
      sendRateLimited(request, response, wait);
      return false;
    }
    const state: RequestState = { operation, principal: null };
    this.#states.set(request, state);
    if (operation.info.anonymous) return true;
    state.principal = await this.#authenticate(request.headers.authorization, request.ip);
    operation.authorise(state.principal);
    return true;
  }

  async #run(operation: BoundOperation, request: FastifyRequest, response: FastifyReply): Promise<void> {
    if (this.#limiter?.repeats(() => operation.fingerprint(request), request.ip) === true) {
      sendRateLimited(request, response, 1);
      return;
    }
    const principal = this.#states.get(request)?.principal ?? null;
    const reply = await operation.run(request, response, principal);
    sendAnswer(request, response, { status: reply.status, headers: reply.headers, ...serialised(reply) });
  }

  #finish(request: FastifyRequest, response: FastifyReply): void {
    const state = this.#states.get(request);
    if (state === undefined) return;
    const { operation, principal } = state;
    if (response.statusCode >= 400) this.#limiter?.giveBack(operation.bucket, request.ip);
    this.#audit?.({
      operationId: operation.info.operationId,
      method: request.method,
      principal,
      status: response.statusCode,
      requestId: request.id,
      sourceIp: request.ip,
      durationMs: response.elapsedTime,
    });
  }
}

/** JSON.stringify, not a schema-driven serialiser: see docs/decisions/004-contract-runtime.md. */
function serialised(reply: AnyReply): { payload: string | undefined; contentType: string } {
  if (reply.text !== undefined)
    return { payload: reply.text, contentType: reply.contentType ?? 'text/plain; charset=utf-8' };
  return {
    payload: reply.body === undefined ? undefined : JSON.stringify(reply.body),
    contentType: 'application/json; charset=utf-8',
  };
}

/** `/a/{b}/c` → `/a/:b/c`; a parameter that takes the rest of the path becomes the wildcard. */
function routePattern(info: OperationInfo): string {
  return info.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const parameter = info.parameters.find((candidate) => candidate.name === name && candidate.in === 'path');
    if (parameter === undefined) throw new Error(`${info.operationId}: path parameter ${name} is not declared`);
    return parameter['x-bastide-rest-of-path'] === true ? '*' : `:${name}`;
  });
}

function acceptJsonOnly(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  const limit = { parseAs: 'buffer', bodyLimit: BODY_LIMIT_BYTES } as const;
  scope.addContentTypeParser('application/json', limit, async (request: FastifyRequest, body: Buffer) => {
    if (isEncoded(request)) throw new ApiError('unsupported_media_type');
    return parseJsonBody(body);
  });
  // An empty body is no body, whatever type it claims to have.
  scope.addContentTypeParser('*', async (request: FastifyRequest) => {
    if (request.headers['content-length'] !== '0') throw new ApiError('unsupported_media_type');
    return undefined;
  });
}

function isEncoded(request: FastifyRequest): boolean {
  const encoding = request.headers['content-encoding'];
  return encoding !== undefined && encoding !== '' && encoding !== 'identity';
}

const FRAMEWORK_ERRORS: Record<string, ErrorCode & ('body_too_large' | 'unsupported_media_type')> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
};

function answerError(error: FastifyError, request: FastifyRequest, response: FastifyReply): void {
  const known = asApiError(error);
  if (known.status >= 500) request.log.error({ err: error, requestId: request.id }, 'request failed');
  sendError(request, response, known);
}

function asApiError(error: Error & { code?: string; statusCode?: number }): ApiError {
  if (error instanceof ApiError) return error;
  const known = FRAMEWORK_ERRORS[error.code ?? ''];
  if (known !== undefined) return new ApiError(known);
  const isCallers = error.code?.startsWith('FST_ERR_') === true && (error.statusCode ?? 500) < 500;
  if (isCallers) return new ApiError('invalid_request', { detail: 'the body does not match its headers' });
  return new ApiError('internal_error', { cause: error });
}
