import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { type SeededApi, seededApi } from '#test/support/seeded-api.ts';
import { jwtKeys, signToken, verifyToken } from './jwt.ts';

const loginPath = '/iam/v2/auth/personal_access_token';

function firstTenant(api: SeededApi): { id: string; token: { id: string; secret: string } } {
  const tenant = api.secrets.organisations[0]?.tenants[0];
  assert.ok(tenant);
  return tenant;
}

function part(jwt: string, index: number): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[index] ?? '', 'base64url').toString()) as Record<string, unknown>;
}

test('notes §2: the answer is the bare JWT with the claims that clients read', async (t) => {
  const api = await seededApi(t);
  const { id, token } = firstTenant(api);
  const answer = await api.tenant('POST', loginPath, { body: token });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers['content-type'], 'text/html; charset=utf-8');
  assert.match(answer.text, /^[\w-]+\.[\w-]+\.[\w-]+$/);
  assert.equal(answer.headers['location'], undefined);
  const claims = part(answer.text, 1);
  assert.deepEqual(claims['scope'], { id });
  assert.equal(claims['companyId'], api.secrets.organisations[0]?.id);
  assert.equal(typeof claims['userId'], 'string');
  assert.equal(Number(claims['exp']) - Number(claims['iat']), 1_800);
  assert.equal(part(answer.text, 0)['alg'], 'HS256');
  const again = await api.tenant('POST', `/api${loginPath}`, { body: token });
  assert.notEqual(again.text, answer.text, 'two log-ins give two texts');
});

test('API-08: an unknown id, a wrong secret, no UUID at all: 401 each, with one and the same text', async (t) => {
  const api = await seededApi(t);
  const { token } = firstTenant(api);
  const bodies = [
    { id: randomUUID(), secret: token.secret },
    { id: token.id, secret: `${token.secret}x` },
    { id: token.id, secret: '' },
    { id: token.id, secret: token.secret.repeat(100) },
    { id: 'nonsense', secret: 'x' },
    { id: '', secret: '' },
    api.secrets.providerToken,
  ];
  for (const body of bodies) {
    const answer = await api.tenant('POST', loginPath, { body });
    assert.equal(answer.status, 401, JSON.stringify(body));
    assert.equal(answer.json<{ code: string }>().code, 'invalid_credentials');
  }
  assert.equal((await api.tenant('POST', loginPath, { body: { id: token.id } })).status, 400);
});

test('an unknown id costs what a wrong secret costs', async (t) => {
  const api = await seededApi(t);
  const { token } = firstTenant(api);
  const timed = async (body: { id: string; secret: string }): Promise<number> => {
    const start = performance.now();
    await api.tenant('POST', loginPath, { body });
    return performance.now() - start;
  };
  const [unknown, wrong]: [number[], number[]] = [[], []];
  for (let round = 0; round < 5; round += 1) {
    unknown.push(await timed({ id: randomUUID(), secret: 'x' }));
    wrong.push(await timed({ id: token.id, secret: 'x' }));
  }
  // The best of five on a busy machine; without the decoy hash the first would be some fifty times quicker.
  assert.ok(Math.min(...unknown) > Math.min(...wrong) / 3, `${unknown.join()} against ${wrong.join()}`);
});

test('only tokens of ours are accepted: other key, no algorithm, other audience, expired, changed', async (t) => {
  const api = await seededApi(t);
  const { token } = firstTenant(api);
  const good = await api.login(token);
  const [header = '', payload = '', signature = ''] = good.split('.');
  const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const claims = part(good, 1);
  const options = { subject: String(claims['sub']), now: new Date(), lifetimeSeconds: 60 } as const;
  const foreign = await signToken(jwtKeys([randomBytes(32)]), claims, { ...options, audience: 'tenant' });
  const provider = await signToken(api.keys, claims, { ...options, audience: 'provider' });
  const old = await signToken(api.keys, claims, { ...options, audience: 'tenant', now: new Date(Date.now() - 90_000) });
  const early = await signToken(api.keys, { tokenId: 7 }, { ...options, audience: 'tenant' });
  const bad = {
    'other region': foreign.token,
    'other plane': provider.token,
    expired: old.token,
    'no token id': early.token,
    'alg none': `${encode({ alg: 'none' })}.${payload}.`,
    'alg none with our key id': `${encode({ ...part(good, 0), alg: 'none' })}.${payload}.${signature}`,
    'claims changed': `${header}.${encode({ ...claims, scope: { id: randomUUID() } })}.${signature}`,
    truncated: good.slice(0, -2),
    nothing: '',
    long: `${good}.${'a'.repeat(5_000)}`,
  };
  for (const [what, jwt] of Object.entries(bad)) {
    const answer = await api.tenant('GET', '/iam/v2/tenants', { token: jwt });
    assert.equal(answer.status, 401, what);
    assert.equal(answer.json<{ code: string }>().code, 'unauthenticated');
  }
  assert.equal((await api.tenant('GET', '/iam/v2/tenants', { token: good })).status, 200);
  assert.equal((await api.provider('GET', '/provider/v1/hosts', { token: good })).status, 401);
  assert.equal((await api.tenant('GET', '/iam/v2/tenants', { token: await api.loginProvider() })).status, 401);
});

test('a cached JWT stops working when it expires, five seconds of clock skew aside', async (t) => {
  const api = await seededApi(t);
  const jwt = await api.login(firstTenant(api).token);
  const status = async (): Promise<number> => (await api.tenant('GET', '/iam/v2/tenants', { token: jwt })).status;
  assert.equal(await status(), 200);
  api.clock.advance(1_800_000 + 2_000);
  assert.equal(await status(), 200);
  api.clock.advance(5_000);
  assert.equal(await status(), 401);
});

test('a replaced signing key still verifies until it is taken out', async () => {
  const [before, after] = [randomBytes(32), randomBytes(32)];
  const options = { audience: 'tenant', subject: 'x', now: new Date(), lifetimeSeconds: 60 } as const;
  const { token } = await signToken(jwtKeys([before]), {}, options);
  assert.ok(await verifyToken(jwtKeys([after, before]), token, options));
  assert.equal(await verifyToken(jwtKeys([after]), token, options), null);
  assert.throws(() => jwtKeys([randomBytes(16)]), /32 bytes/);
  assert.throws(() => jwtKeys([]), /no key/);
});
