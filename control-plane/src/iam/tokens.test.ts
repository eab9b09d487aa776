import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { CreatedPersonalAccessToken, PersonalAccessToken } from '#contract/generated/tenant.ts';
import { waitFor } from '#libs/process/wait.ts';
import { type Answer, type SeededApi, seededApi } from '#test/support/seeded-api.ts';
import { roleIdOf } from './permissions.ts';

const tokensPath = '/iam/v2/personal_access_tokens';
const inAYear = (): number => Date.now() + 365 * 86_400_000;

function tokenOf(api: SeededApi, organisation: number, tenant = 0): { id: string; secret: string } {
  const found = api.secrets.organisations[organisation]?.tenants[tenant]?.token;
  assert.ok(found);
  return found;
}

async function create(
  api: SeededApi,
  token: string,
  wanted: { roles: readonly string[]; expirationDate?: number; name?: string },
): Promise<Answer> {
  const { roles, name = 'ci', expirationDate = inAYear() } = wanted;
  return api.tenant('POST', tokensPath, { token, body: { name, roles: roles.map(roleIdOf), expirationDate } });
}

test('notes §3.2: a token lives from create to delete, with its number, its text and its one secret', async (t) => {
  const api = await seededApi(t);
  const token = await api.login(tokenOf(api, 0));
  const farAway = Date.UTC(2999, 11, 31, 23, 59, 59, 123);
  const roles = ['tag_write', 'activity_read', 'iam_read', 'tag_read'];
  const answer = await create(api, token, { roles, expirationDate: farAway, name: 'ci' });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers['location'], undefined);
  const made = answer.json<CreatedPersonalAccessToken>();
  assert.equal(made.expirationDate, farAway);
  assert.deepEqual(made.roles, roles.map(roleIdOf));
  assert.ok(made.secret.length >= 32);
  const read = await api.tenant('GET', `${tokensPath}/${made.id}`, { token });
  assert.ok(!read.text.includes('secret'));
  const shown = read.json<PersonalAccessToken>();
  assert.equal(shown.expirationDate, String(farAway));
  assert.deepEqual(shown.roles, roles.map(roleIdOf));
  const listed = (await api.tenant('GET', tokensPath, { token })).json<PersonalAccessToken[]>();
  assert.deepEqual(
    listed.find(({ id }) => id === made.id),
    shown,
  );
  const own = await api.login({ id: made.id, secret: made.secret });
  const claims = JSON.parse(Buffer.from(own.split('.')[1] ?? '', 'base64url').toString()) as {
    userId: string;
    scope: { id: string };
  };
  assert.deepEqual([shown.userId, shown.tenantId], [claims.userId, claims.scope.id]);
  assert.equal((await api.tenant('GET', tokensPath, { token: own })).status, 200);
  assert.equal((await api.tenant('DELETE', `${tokensPath}/${made.id}`, { token })).status, 200);
  assert.equal((await api.tenant('GET', `${tokensPath}/${made.id}`, { token })).status, 404);
  assert.equal((await api.tenant('DELETE', `${tokensPath}/${made.id}`, { token })).status, 404);
  assert.ok(!(await api.tenant('GET', tokensPath, { token })).text.includes(made.id));
  const login = await api.tenant('POST', '/iam/v2/auth/personal_access_token', {
    body: { id: made.id, secret: made.secret },
  });
  assert.equal(login.status, 401);
  assert.equal(
    (await api.tenant('GET', tokensPath, { token: own })).status,
    401,
    'its JWT stops at once on this replica',
  );
});

test('what a token cannot be: 400 with a reason that names the member', async (t) => {
  const api = await seededApi(t);
  const token = await api.login(tokenOf(api, 0));
  const good = { name: 'ci', roles: [roleIdOf('iam_read')], expirationDate: inAYear() };
  const cases: [Record<string, unknown>, RegExp][] = [
    [{ ...good, name: '' }, /name/],
    [{ ...good, name: '   ' }, /name/],
    [{ ...good, name: 'x'.repeat(256) }, /name/],
    [{ ...good, roles: [] }, /roles/],
    [{ ...good, roles: [randomUUID()] }, /roles/],
    [{ ...good, roles: ['iam_read'] }, /roles/],
    [{ ...good, roles: Array.from({ length: 201 }, () => roleIdOf('iam_read')) }, /roles/],
    [{ ...good, expirationDate: Date.now() - 1_000 }, /expirationDate/],
    [{ ...good, expirationDate: Math.floor(inAYear() / 1000) }, /milliseconds/],
    [{ ...good, expirationDate: 9e15 }, /expirationDate/],
    [{ ...good, expirationDate: String(inAYear()) }, /expirationDate/],
  ];
  for (const [body, reason] of cases) {
    const answer = await api.tenant('POST', tokensPath, { token, body });
    assert.equal(answer.status, 400, JSON.stringify(body).slice(0, 100));
    assert.match(answer.json<{ message: string }>().message, reason);
  }
  const mine = (await api.tenant('GET', tokensPath, { token })).json<unknown[]>();
  assert.equal(mine.length, 1, 'nothing was made');
});

test('IAM-06, IAM-10: nobody gives a token more than the calling token may do', async (t) => {
  const api = await seededApi(t);
  const owner = await api.login(tokenOf(api, 0));
  const weak = (
    await create(api, owner, { roles: ['iam_read', 'iam_offline_access'] })
  ).json<CreatedPersonalAccessToken>();
  const token = await api.login({ id: weak.id, secret: weak.secret });
  assert.equal((await create(api, token, { roles: ['iam_read'] })).status, 201);
  const refused = await create(api, token, { roles: ['iam_read', 'public_cloud_vm_instances_management'] });
  assert.equal(refused.status, 403);
  assert.match(refused.text, /public_cloud_vm_instances_management/);
});

test('IAM-03: write does not imply read, read does not imply write', async (t) => {
  const api = await seededApi(t);
  const owner = await api.login(tokenOf(api, 0));
  const reader = (await create(api, owner, { roles: ['iam_read'] })).json<CreatedPersonalAccessToken>();
  const writer = (await create(api, owner, { roles: ['iam_offline_access'] })).json<CreatedPersonalAccessToken>();
  const [read, write] = [await api.login(reader), await api.login(writer)];
  assert.equal((await api.tenant('GET', tokensPath, { token: read })).status, 200);
  assert.equal((await create(api, read, { roles: ['iam_read'] })).status, 403);
  assert.equal((await api.tenant('GET', tokensPath, { token: write })).status, 403);
  assert.equal((await api.tenant('DELETE', `${tokensPath}/${reader.id}`, { token: write })).status, 200);
});

test('a permission taken from the user stops working in tokens and JWTs that exist', async (t) => {
  const api = await seededApi(t);
  const jwt = await api.login(tokenOf(api, 0));
  const status = async (): Promise<number> => (await api.tenant('GET', tokensPath, { token: jwt })).status;
  assert.equal(await status(), 200);
  const principal = await api.authenticate(`Bearer ${jwt}`, '127.0.0.1');
  await api.query('delete from role_grants where user_id = $1 and role_id = $2', [
    principal.userId,
    roleIdOf('iam_read'),
  ]);
  await waitFor(async () => ((await status()) === 403 ? true : null), {
    what: 'the permission to be gone',
    timeoutMs: 5_000,
  });
  assert.equal((await api.tenant('GET', '/tag/v1/tags/resources/x', { token: jwt })).status, 200, 'the others stay');
});

test('a token deleted on another replica stops within five seconds, an expired one at once at log-in', async (t) => {
  const api = await seededApi(t);
  const owner = await api.login(tokenOf(api, 0));
  const made = (await create(api, owner, { roles: ['iam_read'] })).json<CreatedPersonalAccessToken>();
  const jwt = await api.login(made);
  assert.equal((await api.tenant('GET', tokensPath, { token: jwt })).status, 200);
  await api.query('delete from access_tokens where id = $1', [made.id]);
  const status = async (): Promise<number> => (await api.tenant('GET', tokensPath, { token: jwt })).status;
  await waitFor(async () => ((await status()) === 401 ? true : null), {
    what: 'the token to be gone',
    timeoutMs: 5_000,
  });
  const brief = (
    await create(api, owner, { roles: ['iam_read'], expirationDate: Date.now() + 60_000 })
  ).json<CreatedPersonalAccessToken>();
  await api.login(brief);
  api.clock.advance(61_000);
  const late = await api.tenant('POST', '/iam/v2/auth/personal_access_token', {
    body: { id: brief.id, secret: brief.secret },
  });
  assert.equal(late.status, 401);
});

test('another tenant’s token is absent, not forbidden, and cannot be deleted', async (t) => {
  const api = await seededApi(t);
  const victim = tokenOf(api, 0);
  for (const [organisation, tenant] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const token = await api.login(tokenOf(api, organisation, tenant));
    assert.equal((await api.tenant('GET', `${tokensPath}/${victim.id}`, { token })).status, 404);
    assert.equal((await api.tenant('DELETE', `${tokensPath}/${victim.id}`, { token })).status, 404);
    assert.ok(!(await api.tenant('GET', tokensPath, { token })).text.includes(victim.id));
  }
  await api.login(victim);
});

test('LOG-05: making and revoking a token leaves audit entries with who and from where', async (t) => {
  const api = await seededApi(t);
  const token = await api.login(tokenOf(api, 0));
  const made = (await create(api, token, { roles: ['iam_read'] })).json<CreatedPersonalAccessToken>();
  await api.tenant('DELETE', `${tokensPath}/${made.id}`, { token });
  const entries = await api.query(
    'select operation, token_id, source_ip from audit_entries where resource_id = $1 order by id',
    [made.id],
  );
  const by = { token_id: tokenOf(api, 0).id, source_ip: '127.0.0.1' };
  assert.deepEqual(entries, [
    { operation: 'createPersonalAccessToken', ...by },
    { operation: 'deletePersonalAccessToken', ...by },
  ]);
});
