// The real contracts, bound to stub handlers: every operation is reached, and asks for what it says it asks for.
import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { bindContract } from '#libs/contract-runtime/bind.ts';
import type { Principal } from '#libs/contract-runtime/call.ts';
import { listOperations } from '#libs/contract-runtime/document.ts';
import type { OpenApiDocument, OperationInfo } from '#libs/contract-runtime/document.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import { createContractServer } from '#libs/contract-runtime/server.ts';
import { providerDocument, tenantDocument } from './documents.ts';

const ID = '6f0d0a3e-52c1-4d0b-9d0e-0d6c1f2a7b11';

function principal(permissions: readonly string[]): Principal {
  const ids = { userId: ID, organisationId: ID, tenantId: ID, tokenId: ID };
  return { kind: 'user', ...ids, permissions: new Set(permissions) };
}

/** A server whose handlers all say which operation they are; the token's text lists its permissions. */
async function served(document: OpenApiDocument): Promise<FastifyInstance> {
  const app = createContractServer();
  const handlers = listOperations(document).map((info) => [
    info.operationId,
    async (call: { params: Record<string, string> }) => {
      const headers: Record<string, string> = {
        'x-operation': info.operationId,
        ...(info.asynchronous ? { Location: ID } : {}),
      };
      return { status: 299, headers, body: call.params };
    },
  ]);
  await bindContract<Record<string, never>>(app, {
    document,
    handlers: Object.fromEntries(handlers) as Record<string, never>,
    authenticate: async (header) => {
      if (header === undefined) throw new ApiError('unauthenticated');
      return principal(header.split(' '));
    },
    validateResponses: false,
    prefixes: ['', '/api'],
  });
  return app;
}

function urlOf(info: OperationInfo): string {
  return info.path.replaceAll(/\{(\w+)\}/g, (_, name: string) => (name === 'target' ? 'vmware' : ID));
}

for (const [name, document] of [
  ['tenant', tenantDocument],
  ['provider', providerDocument],
] as const) {
  suite(`${name} contract`, async () => {
    const app = await served(document);
    for (const info of listOperations(document)) {
      test(`${info.operationId}: 401 without a token, 403 without its permission, else reached`, async () => {
        const send = async (authorization?: string) =>
          app.inject({
            method: info.method.toUpperCase() as 'GET',
            url: urlOf(info),
            headers: authorization === undefined ? {} : { authorization },
          });
        if (!info.anonymous) {
          assert.equal((await send()).statusCode, 401);
          if (info.permissions?.length !== 0) assert.equal((await send('other_right')).statusCode, 403);
        }
        const reached = await send(info.permissions?.join(' '));
        const outcome = reached.headers['x-operation'] ?? reached.json<{ code: string }>().code;
        const needsInput =
          info.operation.requestBody !== undefined ||
          info.parameters.some((p) => p.in === 'query' && p.required === true);
        assert.equal(outcome, needsInput ? 'invalid_request' : info.operationId);
      });
    }
  });
}

test('platform notes 7.5: /disks/extend is not taken for a disk id', async () => {
  const app = await served(tenantDocument);
  const url = `/api/vm_instances/v1/virtual_machines/${ID}/disks/extend`;
  const headers = {
    authorization: 'public_cloud_vm_instances_management activity_read',
    'content-type': 'application/json',
  };
  const answer = await app.inject({ method: 'POST', url, headers, payload: '{"size":40}\n' });
  assert.equal(answer.headers['x-operation'], 'extendVirtualMachineSystemDisk');
});

test('platform notes 1: a tag key with slashes spans several segments, plus and percent are literal', async () => {
  const app = await served(tenantDocument);
  const url = `/tag/v1/tags/resources/vm-1/keys/team/a+b/100%25`;
  const answer = await app.inject({ method: 'DELETE', url, headers: { authorization: 'tag_write' } });
  assert.deepEqual(answer.json(), { resourceId: 'vm-1', key: 'team/a+b/100%' });
});

test('platform notes 1.2: getVmNetwork has no absence, so a malformed id is 400; elsewhere 404', async () => {
  const app = await served(tenantDocument);
  const headers = { authorization: 'public_cloud_vm_instances_read' };
  const status = async (path: string) => (await app.inject({ url: `/vm_instances/v1/${path}`, headers })).statusCode;
  assert.equal(await status('networks/nonsense'), 400);
  assert.equal(await status('virtual_machines/nonsense'), 404);
});

test('planned operations are not served', async () => {
  const app = await served(tenantDocument);
  assert.equal((await app.inject({ url: '/vpc/v1/vpc' })).statusCode, 404);
});
