import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { bindContract } from './bind.ts';
import { reply } from './call.ts';
import { createContractServer } from './server.ts';
import { ID, PRINCIPAL, document, HANDLERS, echo, bound, send, createThing } from './things.fixture.ts';
import type { Seen, TestHandler } from './things.fixture.ts';
import type { Sent } from './things.fixture.ts';

test('every path answers with and without /api', async () => {
  const { app } = await bound();
  for (const prefix of ['', '/api']) {
    const answer = await send(app, { url: `${prefix}/things/v1/things/${ID}` });
    assert.equal(answer.statusCode, 200);
    assert.deepEqual(answer.json(), { id: ID });
    assert.equal(answer.headers['x-content-type-options'], 'nosniff');
    assert.equal(answer.headers.location, undefined);
  }
});

test('API-08: 401 before 403 before 404', async () => {
  const { app } = await bound();
  const url = `/things/v1/things/${ID}`;
  for (const authorization of ['', 'Bearer', 'Bearer bad', 'Basic good']) {
    const answer = await app.inject({ method: 'GET', url, headers: { authorization } });
    assert.equal(answer.statusCode, 401);
    assert.equal(answer.json<{ code: string }>().code, 'unauthenticated');
  }
  const forbidden = await send(app, { method: 'DELETE', url });
  assert.equal(forbidden.statusCode, 403);
  assert.match(forbidden.json<{ message: string }>().message, /thing_destroy/);
  const absent = await send(app, { url: `/things/v1/things/${ID.replace('6', '7')}` });
  assert.equal(absent.statusCode, 404);
});

test('an anonymous operation needs no token and its text is sent byte for byte', async () => {
  const { app } = await bound();
  const answer = await app.inject({ method: 'POST', url: '/login' });
  assert.equal(answer.body, 'a.b.c');
  assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8');
});

test('an id that is not a UUID names nothing: 404, or 400 where the contract says so', async () => {
  const { app } = await bound();
  assert.equal((await send(app, { url: '/things/v1/things/nonsense' })).statusCode, 404);
  assert.equal((await send(app, { url: '/things/v1/strict/nonsense' })).statusCode, 400);
  const upper = await send(app, { url: `/things/v1/strict/${ID.toUpperCase()}` });
  assert.equal(upper.json<Seen>().params['thingId'], ID);
});

test('query: coercion, lists, defaults, empty values left out, unknown ones ignored', async () => {
  const { app } = await bound();
  const query = async (text: string) => (await send(app, { url: `/things/v1/things?${text}` })).json<Seen>().query;
  assert.deepEqual(await query('limit=12&all=true&name%5B%5D=a+b&name%5B%5D=c&other=1'), {
    limit: 12,
    all: true,
    name: ['a b', 'c'],
  });
  assert.deepEqual(await query('familyId=&all='), { limit: 200 });
  for (const bad of ['limit=0', 'limit=201', 'limit=1.5', 'limit=x', 'all=yes', 'familyId=x', 'limit=1&limit=2']) {
    const answer = await send(app, { url: `/things/v1/things?${bad}` });
    assert.equal(answer.statusCode, 400, bad);
    assert.match(answer.json<{ message: string }>().message, /"(limit|all|familyId)"/);
  }
});

test('tag keys: slashes, plus, percent and colons arrive as meant', async () => {
  const { app } = await bound();
  for (const [sent, meant] of [
    ['a/b/c', 'a/b/c'],
    ['a+b', 'a+b'],
    ['100%25', '100%'],
    ['00:50:56:ab:cd:ef', '00:50:56:ab:cd:ef'],
    ['a%20b', 'a b'],
    ['a%2Fb', 'a/b'],
  ] as const) {
    const answer = await send(app, { method: 'DELETE', url: `/tags/x/keys/${sent}` });
    assert.equal(answer.statusCode, 204);
    assert.equal(decodeURIComponent(String(answer.headers['x-key'])), meant);
  }
  const malformed = await send(app, { method: 'DELETE', url: '/tags/x/keys/a%zz' });
  assert.equal(malformed.statusCode, 400);
  assert.equal(malformed.json<{ code: string }>().code, 'invalid_url');
});

test('a body is stripped of unknown members, gets its defaults, and its ids are lowered', async () => {
  const { app } = await bound();
  const body = { name: 'n', familyId: ID.toUpperCase(), extra: { deep: 1 } };
  const answer = await createThing(app, `${JSON.stringify(body)}\n`);
  assert.equal(answer.statusCode, 201);
  assert.equal(answer.body, '');
  assert.deepEqual(JSON.parse(String(answer.headers.location)), { name: 'n', familyId: ID, size: 7 });
});

test('a bad body is refused with the member and what to change', async () => {
  const { app } = await bound();
  const base = `"familyId":"${ID}"`;
  const cases: [string, number, RegExp][] = [
    ['', 400, /body is missing/],
    ['{', 400, /cannot be parsed/],
    ['[]', 400, /must be object/],
    ['null', 400, /must be object/],
    [`{${base}}`, 400, /lacks the member "name"/],
    [`{${base},"name":4}`, 400, /"name" must be string/],
    [`{${base},"name":"x","size":"4"}`, 400, /"size" must be integer/],
    [`{${base},"name":"x","seed":"not base64"}`, 400, /Must be a valid base64-encoded string/],
    [`{${base},"name":"x","n\\u0061me":"y"}`, 400, /stands twice/],
    [`{${base},"name":"x\\u0000"}`, 400, /NUL/],
    [`{${base},"name":"\\ud800"}`, 400, /surrogate/],
    [`{${base},"name":"x","extra":${'['.repeat(40)}${']'.repeat(40)}}`, 400, /nested/],
    [`{"name":"${'x'.repeat(1024 * 1024)}"}`, 413, /1 MiB/],
  ];
  for (const [payload, status, text] of cases) {
    const answer = await createThing(app, payload);
    assert.equal(answer.statusCode, status, payload.slice(0, 60));
    assert.match(answer.json<{ message: string }>().message, text);
  }
});

test('other content types and encodings are refused with 415', async () => {
  const { app } = await bound();
  const refused: Record<string, string>[] = [
    { 'content-type': 'text/plain' },
    { 'content-type': 'nonsense' },
    { 'content-encoding': 'gzip' },
  ];
  for (const headers of refused) assert.equal((await createThing(app, '{}', headers)).statusCode, 415);
});

test('body-less writes need no content type; an empty JSON body is no body', async () => {
  const { app } = await bound();
  const bodyLess: Record<string, string>[] = [
    {},
    { 'content-type': 'application/json' },
    { 'content-type': 'text/plain', 'content-length': '0' },
  ];
  for (const headers of bodyLess) {
    const answer = await send(app, { method: 'POST', url: `/things/v1/things/${ID}/start`, headers });
    assert.equal(answer.statusCode, 201);
    assert.equal(answer.headers.location, ID);
  }
  const tag = await send(app, {
    method: 'DELETE',
    url: '/tags/x/keys/k',
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(tag.statusCode, 204);
});

test('answers off the contract are a 500 that says nothing of the inside', async () => {
  const wrong: Record<string, TestHandler> = {
    login: async () => reply.ok({}),
    listThings: async () => ({ status: 202, body: {} }),
    startThing: async () => ({ status: 201 }),
    getStrict: async () => ({ status: 200, body: {}, headers: { location: 'x' } }),
    getThing: async () => {
      throw new Error('password=hunter2');
    },
  };
  const { app } = await bound({ handlers: wrong });
  const paths: [Sent['method'], string][] = [
    ['POST', '/login'],
    ['GET', '/things/v1/things'],
    ['POST', `/things/v1/things/${ID}/start`],
    ['GET', `/things/v1/strict/${ID}`],
    ['GET', `/things/v1/things/${ID}`],
  ];
  for (const [method, url] of paths) {
    const answer = await send(app, { method: method ?? 'GET', url });
    assert.equal(answer.statusCode, 500, url);
    assert.equal(answer.json<{ code: string }>().code, 'internal_error');
    assert.doesNotMatch(answer.body, /hunter2|502/);
  }
});

test('gzip: large answers only, and only when asked for', async () => {
  const { app } = await bound({ handlers: { getStrict: async () => reply.ok({ text: 'x'.repeat(5000) }) } });
  const url = `/things/v1/strict/${ID}`;
  const packed = await send(app, { url, headers: { 'accept-encoding': 'gzip' } });
  assert.equal(packed.headers['content-encoding'], 'gzip');
  assert.equal((JSON.parse(gunzipSync(packed.rawPayload).toString()) as { text: string }).text.length, 5000);
  assert.equal(Number(packed.headers['content-length']), packed.rawPayload.length);
  for (const accepted of ['identity', 'gzip;q=0', 'br']) {
    const plain = await send(app, { url, headers: { 'accept-encoding': accepted } });
    assert.equal(plain.headers['content-encoding'], undefined, accepted);
  }
  const small = await send(app, { url: `/things/v1/things/${ID}`, headers: { 'accept-encoding': 'gzip' } });
  assert.equal(small.headers['content-encoding'], undefined);
});

test('a contract and handlers that differ do not start', async () => {
  const missing: Record<string, TestHandler> = { ...HANDLERS };
  delete missing['getThing'];
  const bind = async (handlers: Record<string, TestHandler>, contract = document) =>
    bindContract<Record<string, never>>(createContractServer(), {
      document: contract,
      handlers,
      authenticate: async () => PRINCIPAL,
      validateResponses: true,
      prefixes: [''],
    });
  await assert.rejects(bind(missing), /getThing has no handler/);
  await assert.rejects(bind({ ...HANDLERS, surplus: echo }), /handler surplus has no operation/);
  const bare = structuredClone(document);
  delete bare.paths['/login']?.post?.['x-permission'];
  await assert.rejects(bind(HANDLERS, bare), /login has no x-permission/);
});

test('the audit hook sees every request with its outcome', async () => {
  const { app, audited } = await bound();
  await send(app, { url: `/things/v1/things/${ID}` });
  await send(app, { method: 'DELETE', url: `/things/v1/things/${ID}` });
  assert.deepEqual(
    audited.map(({ operationId, status, principal }) => [operationId, status, principal?.userId]),
    [
      ['getThing', 200, 'u'],
      ['deleteThing', 403, 'u'],
    ],
  );
});

test('the reference page and the document are served without a token and without scripts', async () => {
  const { app } = await bound();
  const page = await app.inject({ url: '/api/docs' });
  assert.equal(page.statusCode, 200);
  assert.match(page.body, /listThings/);
  assert.match(page.body, /Things &lt;&amp;&gt;/);
  assert.doesNotMatch(page.body, /<script|https?:\/\//);
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'/);
  assert.deepEqual((await app.inject({ url: '/openapi.json' })).json(), document);
});

test('unknown paths and methods are 404 with the error body', async () => {
  const { app } = await bound();
  for (const url of ['/api', '/apithings', '/things/v1/things/', '//things/v1/things']) {
    const answer = await send(app, { url });
    assert.equal(answer.statusCode, 404, url);
    assert.equal(answer.json<{ requestId: string }>().requestId, answer.headers['x-request-id']);
  }
});
