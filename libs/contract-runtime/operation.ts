/** One operation made ready to run: what to check on the way in and on the way out. */
import { createHash } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AnyReply, Principal } from './call.ts';
import type { OpenApiDocument, OperationInfo } from './document.ts';
import { ApiError } from './errors.ts';
import { normaliser } from './normalise.ts';
import { pathReader, queryReader } from './parameters.ts';
import type { ReplyCheck } from './responses.ts';
import { locationCheck, schemaCheck } from './responses.ts';
import { explain } from './schemas.ts';
import type { SchemaCompiler } from './schemas.ts';

export interface UntypedCall {
  readonly operationId: string;
  readonly params: Record<string, string>;
  readonly query: Record<string, unknown>;
  readonly body: unknown;
  readonly principal: Principal | null;
  readonly requestId: string;
  readonly sourceIp: string;
  readonly signal: AbortSignal;
}

export type UntypedHandler = (call: UntypedCall) => Promise<AnyReply>;

interface OperationOptions {
  document: OpenApiDocument;
  compiler: SchemaCompiler;
  handler: UntypedHandler;
  validateResponses: boolean;
}

/** Built once per operation, so that a request costs only the checks themselves. */
export class BoundOperation {
  readonly info: OperationInfo;
  readonly permissions: readonly string[];
  /** API-05: what the requests of one source are counted under, and how many a second; undefined = the default. */
  readonly bucket: string;
  readonly perSecond: number | undefined;
  readonly #handler: UntypedHandler;
  readonly #readPath: ReturnType<typeof pathReader>;
  readonly #readQuery: ReturnType<typeof queryReader>;
  readonly #readBody: (body: unknown) => unknown;
  readonly #checks: readonly ReplyCheck[];

  constructor(info: OperationInfo, options: OperationOptions) {
    if (info.permissions === undefined) throw new Error(`operation ${info.operationId} has no x-permission`);
    this.info = info;
    this.permissions = info.permissions;
    const limit = info.operation['x-bastide-rate-limit'];
    this.bucket = limit?.bucket ?? info.path.split('/')[1] ?? '';
    this.perSecond = limit?.perSecond;
    this.#handler = options.handler;
    this.#readPath = pathReader(info);
    this.#readQuery = queryReader(info, options.compiler);
    this.#readBody = bodyReader(info, options);
    this.#checks = [
      locationCheck(info),
      ...(options.validateResponses ? [schemaCheck(options.document, info, options.compiler)] : []),
    ];
  }

  /** Throws `forbidden` for the first permission that is missing. */
  authorise(principal: Principal): void {
    const missing = this.permissions.find((permission) => !principal.permissions.has(permission));
    if (missing !== undefined) throw new ApiError('forbidden', { permission: missing });
  }

  /** Validates the request, runs the handler, checks its reply. */
  async run(request: FastifyRequest, response: FastifyReply, principal: Principal | null): Promise<AnyReply> {
    const call = new RequestCall(response, {
      operationId: this.info.operationId,
      params: this.#readPath(request.params as Record<string, string>),
      query: this.#readQuery(request.query as Record<string, string>),
      body: this.#readBody(request.body),
      principal,
      requestId: request.id,
      sourceIp: request.ip,
    });
    const reply = await this.#handler(call);
    for (const check of this.#checks) {
      const problem = check(reply);
      if (problem !== undefined) throw new Error(`${this.info.operationId} ${problem}`);
    }
    return reply;
  }

  /** API-06: equal for strictly identical requests. */
  fingerprint(request: FastifyRequest): string {
    return createHash('sha256')
      .update(
        `${request.method} ${request.url}\n${request.headers.authorization ?? ''}\n${JSON.stringify(request.body)}`,
      )
      .digest('base64');
  }
}

function bodyReader(info: OperationInfo, options: OperationOptions): (body: unknown) => unknown {
  const { requestBody } = info.operation;
  const schema = requestBody?.content['application/json']?.schema;
  if (schema === undefined) return () => undefined;
  const validate = options.compiler.compile(schema);
  const normalise = normaliser(options.document, schema);
  return (body) => {
    if (body === undefined) {
      if (requestBody?.required !== true) return undefined;
      throw new ApiError('invalid_request', { detail: 'the body is missing; send a JSON object' });
    }
    if (!validate(body)) throw new ApiError('invalid_request', { detail: explain(validate.errors, 'body') });
    return normalise(body);
  };
}

/** The call with its abort signal made only when a handler asks for it: most never do. */
class RequestCall implements UntypedCall {
  readonly operationId: string;
  readonly params: Record<string, string>;
  readonly query: Record<string, unknown>;
  readonly body: unknown;
  readonly principal: Principal | null;
  readonly requestId: string;
  readonly sourceIp: string;
  readonly #response: FastifyReply;
  #controller: AbortController | undefined;

  constructor(response: FastifyReply, parts: Omit<UntypedCall, 'signal'>) {
    this.operationId = parts.operationId;
    this.params = parts.params;
    this.query = parts.query;
    this.body = parts.body;
    this.principal = parts.principal;
    this.requestId = parts.requestId;
    this.sourceIp = parts.sourceIp;
    this.#response = response;
  }

  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    const { raw } = this.#response;
    if (raw.destroyed && !raw.writableFinished) controller.abort();
    raw.once('close', () => {
      if (!raw.writableFinished) controller.abort();
    });
    return controller.signal;
  }
}
