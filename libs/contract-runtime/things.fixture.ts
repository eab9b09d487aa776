/** A small contract with every trait the binding knows, for its tests. */
import type { FastifyInstance } from 'fastify';
import { bindContract } from './bind.ts';
import type { AuditEntry, BindOptions } from './bind.ts';
import { reply } from './call.ts';
import type { AnyReply, Principal } from './call.ts';
import type { OpenApiDocument, OperationObject, Parameter } from './document.ts';
import { ApiError } from './errors.ts';
import { createContractServer } from './server.ts';

export const ID = '6f0d0a3e-52c1-4d0b-9d0e-0d6c1f2a7b11';

export const PRINCIPAL: Principal = {
  kind: 'user',
  userId: 'u',
  organisationId: 'o',
  tenantId: 't',
  permissions: new Set(['thing_read', 'thing_write']),
  tokenId: 'k',
};

const idParameter: Parameter = {
  name: 'thingId',
  in: 'path',
  required: true,
  schema: { type: 'string', format: 'uuid' },
};

function operation(operationId: string, rest: Partial<OperationObject> = {}): OperationObject {
  const body = { description: '', content: { 'application/json': { schema: {} } } };
  return { operationId, 'x-permission': ['thing_read'], responses: { '200': body }, ...rest };
}

export const document: OpenApiDocument = {
  openapi: '3.1.0',
  info: { title: 'Things <&>', version: '1' },
  security: [{ bearerJwt: [] }],
  tags: [{ name: 'things' }],
  paths: {
    '/login': {
      post: operation('login', {
        security: [],
        'x-permission': [],
        responses: { '200': { content: { 'text/html': { schema: { type: 'string' } } } } },
        'x-bastide-rate-limit': { bucket: 'authentication', perSecond: 5 },
      }),
    },
    '/things/v1/things': {
      get: operation('listThings', {
        tags: ['things'],
        parameters: [
          { name: 'limit', in: 'query', schema: { type: 'integer', minimum: 1, maximum: 200, default: 200 } },
          { name: 'all', in: 'query', schema: { type: 'boolean' } },
          { name: 'name', in: 'query', schema: { type: 'array', items: { type: 'string' } } },
          { name: 'familyId', in: 'query', schema: { type: 'string', format: 'uuid' } },
        ],
      }),
      post: operation('createThing', {
        'x-permission': ['thing_write'],
        'x-async': 'activity',
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/CreateThing' } } },
        },
        responses: { '201': { description: 'started' } },
      }),
    },
    '/things/v1/things/{thingId}': {
      parameters: [idParameter],
      get: operation('getThing'),
      delete: operation('deleteThing', { 'x-permission': ['thing_destroy'], responses: { '204': {} } }),
    },
    '/things/v1/strict/{thingId}': {
      parameters: [idParameter],
      get: operation('getStrict', { 'x-bastide-malformed-id': 400 }),
    },
    '/things/v1/things/{thingId}/start': {
      parameters: [idParameter],
      post: operation('startThing', { responses: { '201': {} }, 'x-async': 'activity' }),
    },
    '/tags/{resourceId}/keys/{key}': {
      parameters: [
        { name: 'resourceId', in: 'path', required: true, schema: { type: 'string' } },
        { name: 'key', in: 'path', required: true, schema: { type: 'string' }, 'x-bastide-rest-of-path': true },
      ],
      delete: operation('deleteTag', { responses: { '204': {} } }),
    },
  },
  components: {
    schemas: {
      CreateThing: {
        type: 'object',
        required: ['name', 'familyId'],
        properties: {
          name: { type: 'string', minLength: 1 },
          familyId: { type: 'string', format: 'uuid' },
          size: { type: 'integer', default: 7 },
          seed: { type: 'string', contentEncoding: 'base64' },
        },
      },
    },
  },
};

export type Seen = {
  params: Record<string, string>;
  query: Record<string, unknown>;
  body: unknown;
  principal: Principal | null;
};
export type TestHandler = (call: Seen) => Promise<AnyReply>;

export interface Fixture {
  app: FastifyInstance;
  audited: AuditEntry[];
}

export const echo: TestHandler = async ({ params, query }) => reply.ok({ params, query });

export const HANDLERS: Record<string, TestHandler> = {
  login: async () => reply.text('a.b.c', { contentType: 'text/html; charset=utf-8' }),
  listThings: echo,
  createThing: async ({ body }) => ({ status: 201, headers: { Location: JSON.stringify(body) } }),
  getThing: async ({ params }) => {
    if (params['thingId'] !== ID) throw new ApiError('not_found');
    return reply.ok({ id: ID });
  },
  deleteThing: async () => reply.noContent(),
  getStrict: echo,
  startThing: async () => reply.activity(ID),
  deleteTag: async ({ params }) => ({
    ...reply.noContent(),
    headers: { 'x-key': encodeURIComponent(params['key'] ?? '') },
  }),
};

export async function bound(
  changes: {
    handlers?: Record<string, TestHandler>;
    options?: Partial<BindOptions<unknown>>;
  } = {},
): Promise<Fixture> {
  const app = createContractServer();
  const audited: AuditEntry[] = [];
  await bindContract<Record<string, never>>(app, {
    document,
    handlers: { ...HANDLERS, ...changes.handlers },
    authenticate: async (header) => {
      if (header !== 'Bearer good') throw new ApiError('unauthenticated');
      return PRINCIPAL;
    },
    audit: (entry) => audited.push(entry),
    validateResponses: true,
    prefixes: ['', '/api'],
    ...changes.options,
  });
  return { app, audited };
}

const good = { authorization: 'Bearer good' };

export interface Sent {
  method?: 'GET' | 'POST' | 'DELETE';
  url: string;
  headers?: Record<string, string>;
  payload?: string;
}

export async function send(app: FastifyInstance, { method = 'GET', url, headers = {}, payload }: Sent) {
  return app.inject({ method, url, headers: { ...good, ...headers }, ...(payload === undefined ? {} : { payload }) });
}

export async function createThing(app: FastifyInstance, payload: string, headers: Record<string, string> = {}) {
  return send(app, {
    method: 'POST',
    url: '/things/v1/things',
    payload,
    headers: { 'content-type': 'application/json', ...headers },
  });
}
