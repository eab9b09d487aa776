/** The part of OpenAPI 3.1 that the contracts use, with the extension keys of contract/README.md. */

export interface Schema {
  $ref?: string;
  type?: string | string[];
  description?: string;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  enum?: readonly (string | number | boolean | null)[];
  const?: string | number | boolean | null;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  format?: string;
  default?: unknown;
  minimum?: number;
  maximum?: number;
  [keyword: string]: unknown;
}

export interface Parameter {
  $ref?: string;
  name: string;
  in: 'path' | 'query' | 'header' | 'cookie';
  required?: boolean;
  description?: string;
  schema: Schema;
  /** The parameter takes the whole rest of the path, slashes included. */
  'x-bastide-rest-of-path'?: boolean;
}

interface Content {
  [mediaType: string]: { schema?: Schema };
}

export interface ResponseObject {
  $ref?: string;
  description?: string;
  headers?: Record<string, { $ref?: string; description?: string; schema?: Schema }>;
  content?: Content;
}

export interface OperationObject {
  operationId: string;
  tags?: string[];
  summary?: string;
  description?: string;
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: Content };
  responses: Record<string, ResponseObject>;
  security?: Record<string, string[]>[];
  'x-permission'?: string[];
  'x-async'?: 'activity';
  /** Status for a path id that is not a UUID; 404 unless given. */
  'x-bastide-malformed-id'?: number;
  'x-bastide-rate-limit'?: { bucket: string; perSecond: number };
}

export interface PathItem {
  parameters?: Parameter[];
  get?: OperationObject;
  put?: OperationObject;
  post?: OperationObject;
  patch?: OperationObject;
  delete?: OperationObject;
}

export interface OpenApiDocument {
  openapi: string;
  info: { title: string; version: string; description?: string };
  servers?: { url: string; description?: string }[];
  security?: Record<string, string[]>[];
  tags?: { name: string; description?: string }[];
  paths: Record<string, PathItem>;
  components?: {
    schemas?: Record<string, Schema>;
    parameters?: Record<string, Parameter>;
    responses?: Record<string, ResponseObject>;
    headers?: Record<string, unknown>;
    securitySchemes?: Record<string, unknown>;
  };
  /** A planned document is neither bound nor required. */
  'x-bastide-status'?: 'planned';
}

export type Method = 'get' | 'put' | 'post' | 'patch' | 'delete';

const METHODS: readonly Method[] = ['get', 'put', 'post', 'patch', 'delete'];

/** One operation of a document with its references resolved; what the authorisation matrix and the binding iterate. */
export interface OperationInfo {
  operationId: string;
  method: Method;
  /** OpenAPI template, for example `/iam/v2/roles/{roleId}`, without the `/api` prefix. */
  path: string;
  /** True where the contract says `security: []`: no token is asked for. */
  anonymous: boolean;
  /** All of these are needed; empty = any authenticated caller. `undefined` is an error of the contract. */
  permissions: readonly string[] | undefined;
  /** The write answers an activity id in `Location`. */
  asynchronous: boolean;
  parameters: readonly Parameter[];
  operation: OperationObject;
}

/** Follows a local `#/…` reference; throws when it points nowhere. */
export function resolveReference<T extends object>(document: OpenApiDocument, node: T): T {
  let current: unknown = node;
  for (let depth = 0; depth < 16; depth += 1) {
    const reference = (current as { $ref?: string }).$ref;
    if (reference === undefined) return current as T;
    current = lookUp(document, reference);
  }
  throw new Error('references chain too deep');
}

function lookUp(document: OpenApiDocument, reference: string): unknown {
  if (!reference.startsWith('#/')) throw new Error(`not a local reference: ${reference}`);
  let current: unknown = document;
  for (const part of reference.slice(2).split('/')) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~');
    current = typeof current === 'object' && current !== null ? (current as Record<string, unknown>)[key] : undefined;
  }
  if (current === undefined) throw new Error(`reference points nowhere: ${reference}`);
  return current;
}

/** Every operation of a bundled document in the order of its paths. */
export function listOperations(document: OpenApiDocument): OperationInfo[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    METHODS.flatMap((method) => {
      const operation = item[method];
      return operation === undefined ? [] : [describeOperation(document, { path, method, item, operation })];
    }),
  );
}

function describeOperation(
  document: OpenApiDocument,
  at: { path: string; method: Method; item: PathItem; operation: OperationObject },
): OperationInfo {
  const { operation, item } = at;
  const security = operation.security ?? document.security ?? [];
  return {
    operationId: operation.operationId,
    method: at.method,
    path: at.path,
    anonymous: security.length === 0,
    permissions: operation['x-permission'],
    asynchronous: operation['x-async'] === 'activity',
    parameters: [...(item.parameters ?? []), ...(operation.parameters ?? [])].map((p) => resolveReference(document, p)),
    operation,
  };
}
