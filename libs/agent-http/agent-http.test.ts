import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { connect } from 'node:tls';
import { createCa, issueLeaf } from '#libs/tls/ca.ts';
import { AgentClient } from './client.ts';
import { AgentContract } from './contract.ts';
import { parseEndpoint } from './endpoint.ts';
import { AgentProblem, AgentUnreachable } from './problem.ts';
import type { AgentRoute } from './route.ts';
import { serveAgent } from './server.ts';
import type { AgentLog, AgentServer } from './server.ts';
import type { TlsIdentity } from './tls-identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'bah-'));
const endpoint = `unix:${join(folder, 'a.sock')}`;
const errors: unknown[] = [];
const nothing = (): void => undefined;
const log: AgentLog = {
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: (...args: unknown[]) => {
    errors.push(args);
  },
};

let server: TlsIdentity;
let caller: TlsIdentity;
let stranger: TlsIdentity;
let hungUp: () => void = nothing;
const lateFeed = new PassThrough();

const routes: AgentRoute[] = [
  {
    method: 'GET',
    path: '/v1/things/:id',
    handler: ({ params, query }) => Promise.resolve({ status: 200, body: { ...params, ...query } }),
  },
  { method: 'PUT', path: '/v1/things/:id', handler: ({ body }) => Promise.resolve({ status: 200, body }) },
  { method: 'DELETE', path: '/v1/things/:id', handler: () => Promise.resolve({ status: 204 }) },
  {
    method: 'POST',
    path: '/v1/things/:id/refuse',
    handler: () => Promise.reject(new AgentProblem(409, 'pool_in_use', 'the pool holds volumes')),
  },
  { method: 'POST', path: '/v1/things/:id/break', handler: () => Promise.reject(new Error('secret detail')) },
  {
    method: 'GET',
    path: '/v1/wait',
    handler: ({ signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => {
          hungUp();
          resolve({ status: 200, body: [] });
        });
      }),
  },
  {
    method: 'GET',
    path: '/v1/feed',
    handler: () => Promise.resolve({ status: 200, stream: lateFeed, headers: { 'X-Serial-Start': 0 } }),
  },
];

before(async () => {
  const ca = await createCa('test CA');
  const otherCa = await createCa('another CA');
  const agent = await issueLeaf(ca, { commonName: 'a01', names: ['localhost', '127.0.0.1'] });
  const control = await issueLeaf(ca, { commonName: 'control-1' });
  server = { ca: ca.cert, ...agent };
  caller = { ca: ca.cert, ...control };
  stranger = { ca: ca.cert, ...(await issueLeaf(otherCa, { commonName: 'control-1' })) };
});
after(() => rmSync(folder, { recursive: true, force: true }));

describe('a served agent', () => {
  let serving: AgentServer;
  let client: AgentClient;
  before(async () => {
    serving = await serveAgent({
      endpoint,
      tls: server,
      routes,
      mounts: [{ prefix: '/arrays/a1', routes: routes.slice(0, 1) }],
      log,
    });
    client = new AgentClient(endpoint, caller);
  });
  after(async () => {
    client.close();
    await serving.close();
    assert.equal(existsSync(join(folder, 'a.sock')), false);
  });

  test('answers JSON with decoded parameters', async () => {
    assert.deepEqual(await client.get('/v1/things/a%2Fb?x=1&x=2'), { id: 'a/b', x: '1' });
    assert.deepEqual(await client.put('/v1/things/1', { size: 3 }), { size: 3 });
    assert.equal(await client.delete('/v1/things/1'), undefined);
    assert.deepEqual(await client.get('/healthz'), { status: 'ok' });
  });

  test('keeps its socket to its own user', () => {
    assert.equal(statSync(join(folder, 'a.sock')).mode & 0o777, 0o600);
  });

  test('serves a mount under its prefix', async () => {
    const mounted = new AgentClient(`${endpoint}#/arrays/a1`, caller);
    assert.deepEqual(await mounted.get('/v1/things/9'), { id: '9' });
    assert.deepEqual(await mounted.get('/healthz'), { status: 'ok' });
    await assert.rejects(mounted.delete('/v1/things/9'), { status: 404, code: 'not_found' });
    mounted.close();
  });

  test('a refusal travels with status, code and message', async () => {
    await assert.rejects(client.post('/v1/things/1/refuse'), {
      name: 'AgentProblem',
      status: 409,
      code: 'pool_in_use',
      message: 'the pool holds volumes',
    });
  });

  test('an unexpected error is logged and answered without its content', async () => {
    errors.length = 0;
    await assert.rejects(client.post('/v1/things/1/break'), (error: unknown) => {
      assert.ok(error instanceof AgentProblem);
      assert.deepEqual([error.status, error.code], [500, 'internal']);
      assert.doesNotMatch(error.message, /secret/);
      return true;
    });
    assert.equal(errors.length, 1);
  });

  test('an unknown route is 404, a body over 1 MiB 413, one that is not JSON 422', async () => {
    await assert.rejects(client.get('/v2/nothing'), { status: 404, code: 'not_found' });
    await assert.rejects(client.get('/v1/things/%zz'), { status: 404 });
    await assert.rejects(client.put('/v1/things/1', 'x'.repeat(1024 ** 2)), { status: 413 });
    assert.deepEqual(await client.get('/healthz'), { status: 'ok' });
  });

  test('a caller who hangs up aborts the handler', async () => {
    const gone = new Promise<void>((resolve) => {
      hungUp = resolve;
    });
    const controller = new AbortController();
    const call = client.get('/v1/wait', { signal: controller.signal });
    setImmediate(() => setTimeout(() => controller.abort(new Error('enough')), 20));
    await assert.rejects(call, { message: 'enough' });
    await gone;
  });

  test('no answer in time is AgentUnreachable and is not asked twice', async () => {
    let times = 0;
    hungUp = () => {
      times += 1;
    };
    await assert.rejects(client.get('/v1/wait', { timeoutMs: 60 }), AgentUnreachable);
    await assert.rejects(client.get('/v1/wait', { timeoutMs: 60 }), /no answer within 60 ms/);
    assert.ok(times <= 2);
  });

  test('streams while the handler still writes', async () => {
    const stream = await client.stream('/v1/feed');
    assert.equal(stream.headers['x-serial-start'], '0');
    lateFeed.write('first');
    const [chunk] = (await once(stream, 'data')) as [Buffer];
    assert.equal(chunk.toString(), 'first');
    const ended = new Promise((resolve) => lateFeed.once('close', resolve));
    stream.destroy();
    await ended;
  });

  test('a certificate of another CA, or none, gets no answer', async () => {
    const other = new AgentClient(endpoint, stranger);
    await assert.rejects(other.get('/healthz'), AgentUnreachable);
    other.close();
    const bare = connect({ path: join(folder, 'a.sock'), ca: caller.ca, checkServerIdentity: () => undefined });
    bare.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
    let received = '';
    bare.on('data', (chunk: Buffer) => {
      received += chunk.toString();
    });
    bare.on('error', nothing);
    await new Promise((resolve) => bare.once('close', resolve));
    assert.equal(received, '');
  });

  test('a second server on a live socket is refused and does not harm the first', async () => {
    await assert.rejects(serveAgent({ endpoint, tls: server, routes, log }), /already listens/);
    assert.deepEqual(await client.get('/healthz'), { status: 'ok' });
  });

  test('64 calls at once all come back', async () => {
    const answers = await Promise.all(
      Array.from({ length: 64 }, (_, i) => client.get<{ id: string }>(`/v1/things/${i}`)),
    );
    assert.deepEqual(
      answers.map(({ id }) => Number(id)),
      [...Array(64).keys()],
    );
  });
});

test('a restarted agent does not fail a call on a pooled connection', async () => {
  const at = `unix:${join(folder, 'r.sock')}`;
  const first = await serveAgent({ endpoint: at, tls: server, routes, log });
  const client = new AgentClient(at, caller);
  await Promise.all(Array.from({ length: 8 }, (_, i) => client.get(`/v1/things/${i}`)));
  await first.close();
  const second = await serveAgent({ endpoint: at, tls: server, routes, log });
  await Promise.all(Array.from({ length: 8 }, (_, i) => client.put(`/v1/things/${i}`, { i })));
  client.close();
  await second.close();
  const third = new AgentClient(at, caller);
  await assert.rejects(third.get('/healthz'), AgentUnreachable);
  third.close();
});

test('close ends a long poll instead of waiting for it', async () => {
  const at = `unix:${join(folder, 'c.sock')}`;
  const serving = await serveAgent({ endpoint: at, tls: server, routes, log });
  const client = new AgentClient(at, caller);
  await client.get('/healthz');
  const poll = client.get('/v1/wait');
  const started = performance.now();
  setTimeout(() => void serving.close(), 30);
  assert.deepEqual(await poll, []);
  assert.ok(performance.now() - started < 3_000);
  client.close();
});

test('a socket left by a dead process is replaced', async () => {
  const path = join(folder, 's.sock');
  const holder = createServer().listen(path);
  await once(holder, 'listening');
  // Node unlinks on close, a killed process does not: an ordinary file that refuses connections stands for it.
  holder.close();
  await once(holder, 'close');
  writeFileSync(path, '');
  const serving = await serveAgent({ endpoint: `unix:${path}`, tls: server, routes, log });
  await serving.close();
});

test('over TCP the server must be who its address says', async () => {
  const serving = await serveAgent({ endpoint: 'https://127.0.0.1:0', tls: server, routes, log });
  const client = new AgentClient(serving.endpoint, caller);
  assert.deepEqual(await client.get('/healthz'), { status: 'ok' });
  client.close();
  const renamed = await serveAgent({ endpoint: 'https://127.0.0.1:0', tls: { ...caller, ca: server.ca }, routes, log });
  const wary = new AgentClient(renamed.endpoint, caller);
  await assert.rejects(wary.get('/healthz'), AgentUnreachable);
  wary.close();
  await Promise.all([serving.close(), renamed.close()]);
});

describe('the contract', () => {
  const id = '0198b3a0-0000-7000-8000-000000000001';
  let serving: AgentServer;
  let client: AgentClient;
  before(async () => {
    const contract = await AgentContract.load(new URL('../../contract/agents/array.yaml', import.meta.url));
    const echo: AgentRoute = {
      method: 'PUT',
      path: '/v1/volumes/:volumeId',
      handler: ({ body }) => Promise.resolve({ status: 200, body }),
    };
    const events: AgentRoute = {
      method: 'GET',
      path: '/v1/pools',
      handler: () => Promise.resolve({ status: 200, body: [] }),
    };
    serving = await serveAgent({
      endpoint: `unix:${join(folder, 'v.sock')}`,
      tls: server,
      routes: [echo, events],
      contract,
      log,
    });
    client = new AgentClient(serving.endpoint, caller);
  });
  after(async () => {
    client.close();
    await serving.close();
  });

  const refused: [string, unknown, RegExp][] = [
    ['a missing member', { sizeBytes: 1048576 }, /^\/poolId is required/],
    ['an unknown member', { poolId: id, sizeBytes: 1048576, colour: 1 }, /^\/colour is not a known member/],
    ['a wrong type', { poolId: id, sizeBytes: '1048576' }, /^\/sizeBytes must be integer/],
    ['an upper-case id', { poolId: id.toUpperCase(), sizeBytes: 1048576 }, /^\/poolId must match format/],
    ['too small a number', { poolId: id, sizeBytes: 1 }, /^\/sizeBytes must be >= 1048576/],
    ['no body', undefined, /^body is required/],
  ];
  for (const [what, body, message] of refused) {
    test(`refuses ${what} with 422 invalid_spec and its name`, async () => {
      await assert.rejects(client.put(`/v1/volumes/${id}`, body), { status: 422, code: 'invalid_spec', message });
    });
  }

  test('refuses an id that could be a path', async () => {
    await assert.rejects(client.put('/v1/volumes/..%2f..%2fetc', { poolId: id, sizeBytes: 1048576 }), {
      status: 422,
      message: /^volumeId /,
    });
  });

  test('lets a good body through', async () => {
    const spec = { poolId: id, sizeBytes: 1048576, imageId: null };
    assert.deepEqual(await client.put(`/v1/volumes/${id}`, spec), spec);
  });
});

test('endpoints are read strictly', () => {
  assert.deepEqual(parseEndpoint('unix:/a/b.sock#/arrays/x'), { kind: 'unix', path: '/a/b.sock', prefix: '/arrays/x' });
  assert.deepEqual(parseEndpoint('https://[::1]:9000'), { kind: 'tcp', host: '::1', port: 9000, prefix: '' });
  for (const bad of ['unix:relative', 'http://h:1', 'nonsense', `unix:/${'x'.repeat(120)}`, 'unix:/a#x']) {
    assert.throws(() => parseEndpoint(bad), RangeError);
  }
});
