import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Tag } from '#contract/generated/tenant.ts';
import { type SeededApi, seededApi } from '#test/support/seeded-api.ts';
import { forgetTags } from './service.ts';

const machine = '0190f3a1-7c5e-7000-8000-00000000abcd';

async function start(api: SeededApi): Promise<{ token: string; tenantId: string; otherToken: string }> {
  const mine = api.secrets.organisations[0]?.tenants[0];
  const other = api.secrets.organisations[0]?.tenants[1];
  assert.ok(mine && other);
  return { token: await api.login(mine.token), tenantId: mine.id, otherToken: await api.login(other.token) };
}

function tagBody(key: string, value: string, uuid = machine): object {
  return { key, value, resources: [{ uuid, type: 'iaas_opensource_virtual_machine', source: 'iaas_opensource' }] };
}

test('notes §4: create, read, overwrite, delete; every step shows at once', async (t) => {
  const api = await seededApi(t);
  const { token, tenantId } = await start(api);
  const path = `/tag/v1/tags/resources/${machine}`;
  const read = async (): Promise<Tag[]> => (await api.tenant('GET', path, { token })).json<Tag[]>();
  assert.deepEqual(await read(), []);
  const made = await api.tenant('POST', '/tag/v1/tags', { token, body: tagBody('env', 'prod') });
  assert.equal(made.status, 201);
  assert.equal(made.headers['location'], undefined);
  assert.deepEqual(await read(), [{ key: 'env', value: 'prod', tenant: tenantId, resource: machine }]);
  await api.tenant('POST', '/tag/v1/tags', { token, body: tagBody('env', 'test') });
  assert.deepEqual(
    (await read()).map(({ value }) => value),
    ['test'],
  );
  assert.equal((await api.tenant('DELETE', `${path}/keys/env`, { token })).status, 204);
  assert.equal((await api.tenant('DELETE', `${path}/keys/env`, { token })).status, 404);
  assert.deepEqual(await read(), []);
});

test('notes §1: a key may hold slashes, plus signs, spaces and percent signs', async (t) => {
  const api = await seededApi(t);
  const { token } = await start(api);
  const sent = {
    'app.example.com/team': 'app.example.com/team',
    'a+b c': 'a+b%20c',
    '100%': '100%25',
    'x:y;z=1': 'x:y;z=1',
  };
  for (const [key, inPath] of Object.entries(sent)) {
    assert.equal((await api.tenant('POST', '/tag/v1/tags', { token, body: tagBody(key, '') })).status, 201, key);
    const listed = (await api.tenant('GET', `/tag/v1/tags/resources/${machine}`, { token })).json<Tag[]>();
    assert.deepEqual(
      listed.map((tag) => tag.key),
      [key],
    );
    assert.equal(
      (await api.tenant('DELETE', `/tag/v1/tags/resources/${machine}/keys/${inPath}`, { token })).status,
      204,
      key,
    );
  }
});

test('notes §9: an id is the same in either case, and is answered as it was asked for', async (t) => {
  const api = await seededApi(t);
  const { token } = await start(api);
  await api.tenant('POST', '/tag/v1/tags', { token, body: tagBody('k', 'v', machine.toUpperCase()) });
  const [tag] = (await api.tenant('GET', `/tag/v1/tags/resources/${machine}`, { token })).json<Tag[]>();
  assert.equal(tag?.resource, machine);
});

test('tags of one tenant are not those of another, even on the same id', async (t) => {
  const api = await seededApi(t);
  const { token, otherToken } = await start(api);
  await api.tenant('POST', '/tag/v1/tags', { token, body: tagBody('k', 'mine') });
  const path = `/tag/v1/tags/resources/${machine}`;
  assert.deepEqual((await api.tenant('GET', path, { token: otherToken })).json(), []);
  assert.equal((await api.tenant('DELETE', `${path}/keys/k`, { token: otherToken })).status, 404);
  assert.equal((await api.tenant('GET', path, { token })).json<Tag[]>().length, 1);
});

test('limits: 400 with the member that is too long, and nothing written', async (t) => {
  const api = await seededApi(t);
  const { token } = await start(api);
  const long = 'x'.repeat(2_000);
  const cases: [object, RegExp][] = [
    [tagBody('', 'v'), /key/],
    [tagBody(long, 'v'), /key/],
    [tagBody('k', long), /value/],
    [tagBody('k', 'v', long), /uuid/],
    [tagBody('k', 'v', ''), /uuid/],
    [{ ...tagBody('k', 'v'), resources: [] }, /resources/],
    [
      { ...tagBody('k', 'v'), resources: Array.from({ length: 101 }, () => ({ uuid: 'a', type: 't', source: 's' })) },
      /resources/,
    ],
    [tagBody('k\0', 'v'), /NUL/],
  ];
  for (const [body, reason] of cases) {
    const answer = await api.tenant('POST', '/tag/v1/tags', { token, body });
    assert.equal(answer.status, 400);
    assert.match(answer.json<{ message: string }>().message, reason);
  }
  assert.deepEqual(await api.query('select * from tags'), []);
});

test('a resource takes a hundred tags and no more', async (t) => {
  const api = await seededApi(t);
  const { token, tenantId } = await start(api);
  await api.query(
    `insert into tags (tenant_id, resource_id, key, value, resource_type, resource_source)
     select $1, $2, 'k' || n, 'v', 't', 's' from generate_series(1, 100) n`,
    [tenantId, machine],
  );
  assert.equal((await api.tenant('POST', '/tag/v1/tags', { token, body: tagBody('k7', 'new') })).status, 201);
  assert.equal((await api.tenant('POST', '/tag/v1/tags', { token, body: tagBody('one too many', '') })).status, 409);
});

test('TAG-01: the tags of a deleted resource are gone, those of others stay', async (t) => {
  const api = await seededApi(t);
  const { token } = await start(api);
  for (const id of [machine, 'another'])
    await api.tenant('POST', '/tag/v1/tags', { token, body: tagBody('k', 'v', id) });
  await api.database.platformTransaction((session) => forgetTags(session, machine));
  assert.deepEqual((await api.tenant('GET', `/tag/v1/tags/resources/${machine}`, { token })).json(), []);
  assert.equal((await api.tenant('GET', '/tag/v1/tags/resources/another', { token })).json<Tag[]>().length, 1);
});
