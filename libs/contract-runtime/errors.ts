/** The one table of errors: code → status, text, who must act. docs/errors.md is generated from it. */

/** `caller` changes the request, `administrator` the rights or the quota, `operator` the region; `nobody` = just try again. */
type Actor = 'caller' | 'administrator' | 'operator' | 'nobody';

interface ErrorDefinition {
  status: number;
  who: Actor;
  /** Template; `{name}` is filled from the values given to `ApiError`. */
  message: string;
}

export const ERRORS = {
  invalid_request: { status: 400, who: 'caller', message: 'The request does not fit the contract: {detail}.' },
  invalid_json: { status: 400, who: 'caller', message: 'The request body is not one JSON object: {detail}.' },
  invalid_text: {
    status: 400,
    who: 'caller',
    message: 'A text in the request holds a NUL or half of a surrogate pair; remove it.',
  },
  invalid_url: { status: 400, who: 'caller', message: 'The path or query is not correctly percent-encoded.' },
  unknown_reference: {
    status: 400,
    who: 'caller',
    message: '{member} names no {kind} that this tenant can use; look it up in the catalogue.',
  },
  rule_violated: { status: 400, who: 'caller', message: '{detail}.' },
  unauthenticated: {
    status: 401,
    who: 'caller',
    message: 'A valid token is needed: log in with a personal access token and send "Authorization: Bearer <jwt>".',
  },
  invalid_credentials: {
    status: 401,
    who: 'caller',
    message: 'The personal access token is unknown, wrong, expired or revoked; create another one.',
  },
  forbidden: {
    status: 403,
    who: 'administrator',
    message: 'The token lacks the permission {permission}; ask an administrator of the tenant for it.',
  },
  not_found: { status: 404, who: 'caller', message: 'There is no such object in this tenant.' },
  unknown_operation: {
    status: 404,
    who: 'caller',
    message: 'There is no such operation; check the method and the path against /docs.',
  },
  target_not_offered: {
    status: 404,
    who: 'caller',
    message:
      'The tenant has no cluster of the kind {target} to deploy the item to; make a VM instance from the template of the same name.',
  },
  request_timeout: { status: 408, who: 'caller', message: 'The request did not arrive in time; send it again.' },
  conflict: { status: 409, who: 'caller', message: '{detail}.' },
  name_taken: {
    status: 409,
    who: 'caller',
    message: 'The name is already taken by another {kind}; choose another one.',
  },
  body_too_large: { status: 413, who: 'caller', message: 'The request body is larger than 1 MiB; send less.' },
  unsupported_media_type: {
    status: 415,
    who: 'caller',
    message: 'The body must be JSON without content encoding; send "Content-Type: application/json".',
  },
  quota_exceeded: {
    status: 422,
    who: 'administrator',
    message: 'The quota of the tenant for {resource} is used up; free some or ask for more.',
  },
  rate_limited: { status: 429, who: 'nobody', message: 'Too Many Requests' },
  headers_too_large: {
    status: 431,
    who: 'caller',
    message: 'The request headers are too large; send fewer or shorter ones.',
  },
  internal_error: {
    status: 500,
    who: 'operator',
    message:
      'Something failed on our side; nothing needs to change in the request. Quote the request id to the support.',
  },
  unavailable: {
    status: 503,
    who: 'nobody',
    message: '{what} cannot be reached for the moment; try again in a few seconds.',
  },
} as const satisfies Record<string, ErrorDefinition>;

export type ErrorCode = keyof typeof ERRORS;

type Placeholder<T extends string> = T extends `${string}{${infer Name}}${infer Rest}`
  ? Name | Placeholder<Rest>
  : never;

/** The values that the template of a code asks for. */
export type ErrorValues<C extends ErrorCode> = Record<Placeholder<(typeof ERRORS)[C]['message']>, string>;

interface ErrorExtras {
  /** More members for the error body. Never ids: see `withoutIds`. */
  details?: Record<string, unknown>;
  cause?: unknown;
}

type ErrorArguments<C extends ErrorCode> = [Placeholder<(typeof ERRORS)[C]['message']>] extends [never]
  ? [extras?: ErrorExtras]
  : [values: ErrorValues<C>, extras?: ErrorExtras];

/**
 * An answer that is not a success. `new ApiError('not_found')`, `new ApiError('quota_exceeded', { resource: 'vCPU' })`:
 * the compiler asks for the values that the message template of the code needs.
 */
export class ApiError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'ApiError';
  readonly code: C;
  readonly status: number;
  readonly details: Record<string, unknown> | undefined;

  constructor(code: C, ...args: ErrorArguments<C>) {
    const definition: ErrorDefinition = ERRORS[code];
    const [first, second] = args as [object?, ErrorExtras?];
    const hasValues = definition.message.includes('{');
    const extras: ErrorExtras | undefined = hasValues ? second : first;
    super(fill(definition.message, hasValues ? (first as Record<string, string>) : {}), { cause: extras?.cause });
    this.code = code;
    this.status = definition.status;
    this.details = extras?.details;
  }
}

function fill(template: string, values: Record<string, string>): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => withoutIds(values[name] ?? name));
}

const UUID = /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/gi;

/**
 * Takes ids out of a text. A client tool classifies any error that holds the digits `502` as a gateway outage, and an id
 * can hold them by chance.
 */
function withoutIds(text: string): string {
  return text.replaceAll(UUID, '(id)');
}
