/** What a handler is given and what it gives back. */

/** Who calls, as the token says. */
export interface Principal {
  kind: 'user' | 'provider';
  userId: string;
  organisationId: string;
  tenantId: string;
  permissions: ReadonlySet<string>;
  tokenId: string;
}

/** The members that the generated `Operations` interfaces have per operation. */
export interface OperationShape {
  anonymous: boolean;
  params: object;
  query: object;
  body: unknown;
  responses: object;
}

/** One request, validated: types are coerced, defaults filled in, unknown members dropped, ids in lower case. */
export interface Call<Op extends OperationShape> {
  readonly operationId: string;
  readonly params: Op['params'];
  readonly query: Op['query'];
  readonly body: Op['body'];
  /** `null` for anonymous operations only. */
  readonly principal: Op['anonymous'] extends true ? null : Principal;
  readonly requestId: string;
  readonly sourceIp: string;
  /** Aborted when the caller hangs up before the answer. */
  readonly signal: AbortSignal;
}

interface ReplyExtras {
  headers?: Record<string, string>;
}

/** An answer that the contract declares for the operation. Everything else is thrown as an `ApiError`. */
export type Reply<Op extends OperationShape> = {
  [S in keyof Op['responses']]: undefined extends Op['responses'][S]
    ? ReplyExtras & { status: S; body?: undefined }
    : | (ReplyExtras & { status: S; body: Op['responses'][S] })
      | (Op['responses'][S] extends string ? ReplyExtras & { status: S; text: string; contentType: string } : never);
}[keyof Op['responses']];

export type Handler<Op extends OperationShape> = (call: Call<Op>) => Promise<Reply<Op>>;

/** One handler per operation, none more, none less. */
export type Handlers<Ops> = { [K in keyof Ops]: Ops[K] extends OperationShape ? Handler<Ops[K]> : never };

/** A reply as the runtime sees it, whatever the operation. */
export interface AnyReply {
  status: number;
  body?: unknown;
  text?: string;
  contentType?: string;
  headers?: Record<string, string>;
}

/** The usual answers. */
export const reply = {
  ok<T>(body: T): { status: 200; body: T } {
    return { status: 200, body };
  },
  created<T>(body: T): { status: 201; body: T } {
    return { status: 201, body };
  },
  /** 200 or 201 without a body, for operations that declare none. */
  empty<S extends 200 | 201>(status: S): { status: S } {
    return { status };
  },
  /** 201 with the bare activity id in `Location` and no body (API-03). */
  activity(id: string): { status: 201; headers: Record<string, string> } {
    return { status: 201, headers: { Location: id } };
  },
  noContent(): { status: 204 } {
    return { status: 204 };
  },
  /** A raw text body, sent byte for byte. */
  text(
    text: string,
    options: { contentType?: string; headers?: Record<string, string> } = {},
  ): { status: 200; text: string; contentType: string; headers: Record<string, string> } {
    const { contentType = 'text/plain; charset=utf-8', headers = {} } = options;
    return { status: 200, text, contentType, headers };
  },
};
