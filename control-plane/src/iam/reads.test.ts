import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Feature, Role, Tenant, TenantAssignment, User } from '#contract/generated/tenant.ts';
import { seededApi } from '#test/support/seeded-api.ts';
import { permissionNames, roleIdOf } from './permissions.ts';

test('IAM-16: every permission is a role with a stable id and a unique name', async (t) => {
  const api = await seededApi(t);
  const token = await api.login(api.secrets.organisations[0]?.tenants[0]?.token ?? api.secrets.providerToken);
  const roles = (await api.tenant('GET', '/iam/v2/roles', { token })).json<Role[]>();
  assert.deepEqual(roles.map(({ name }) => name).toSorted(), [...permissionNames].toSorted());
  assert.equal(new Set(permissionNames).size, permissionNames.length);
  // Stands in users' configurations: must never change.
  assert.equal('708f9000-edda-5ade-86e0-7ec7ca49bccb', roles.find(({ name }) => name === 'iam_read')?.id);
  assert.equal(
    (await api.tenant('GET', `/iam/v2/roles/${roleIdOf('vpc_read')}`, { token })).json<Role>().name,
    'vpc_read',
  );
  assert.equal((await api.tenant('GET', `/iam/v2/roles/${randomUUID()}`, { token })).status, 404);
});

test('notes §3.1: company, tenants, users, features, assignments', async (t) => {
  const api = await seededApi(t);
  const [aster, bellis] = api.secrets.organisations;
  const [production, staging] = aster?.tenants ?? [];
  assert.ok(aster && bellis && production && staging);
  const token = await api.login(production.token);
  const get = async (url: string): Promise<{ status: number; json: <T>() => T }> => api.tenant('GET', url, { token });
  assert.deepEqual((await get(`/iam/v2/companies/${aster.id}`)).json(), { id: aster.id, name: 'Aster' });
  assert.equal((await get(`/iam/v2/companies/${bellis.id}`)).status, 404);
  assert.deepEqual(
    (await get('/iam/v2/tenants')).json<Tenant[]>().map(({ id, companyId }) => [id, companyId]),
    [
      [production.id, aster.id],
      [staging.id, aster.id],
    ],
  );
  const users = (await get(`/iam/v2/users?companyId=${aster.id}`)).json<User[]>();
  assert.deepEqual(users, (await get('/iam/v2/users')).json<User[]>());
  const [owner] = users;
  assert.ok(owner);
  assert.deepEqual((await get(`/iam/v2/users/${owner.id}`)).json<User>(), owner);
  assert.deepEqual((await get(`/iam/v2/users?companyId=${bellis.id}`)).json(), []);
  assert.equal((await get(`/iam/v2/users/${randomUUID()}`)).status, 404);
  for (const tenant of [production, staging]) {
    const url: string = `/iam/v2/assignments/tenant?userId=${owner.id}&tenantId=${tenant.id}`;
    assert.equal((await get(url)).json<TenantAssignment[]>().length, permissionNames.length);
    const roleId = roleIdOf('tag_read');
    const one: TenantAssignment = { userId: owner.id, tenantId: tenant.id, roleId };
    assert.deepEqual((await get(`${url}&roleId=${roleId.toUpperCase()}`)).json(), [one]);
  }
  for (const query of [`userId=x&tenantId=${production.id}`, `userId=${owner.id}&tenantId=${bellis.tenants[0]?.id}`])
    assert.deepEqual((await get(`/iam/v2/assignments/tenant?${query}`)).json(), []);
  const features = (await get('/iam/v2/features')).json<Feature[]>();
  const leaves = features.flatMap(({ subFeatures }) => subFeatures ?? []);
  assert.ok(leaves.some(({ name }) => name === 'vm_instances'));
  assert.ok(
    leaves.every(({ subFeatures }) => subFeatures?.length === 0),
    'two levels',
  );
  const assigned = (await get(`/iam/v2/features/assignments?tenantId=${production.id}`)).json<
    { featureId: string }[]
  >();
  assert.ok(assigned.some(({ featureId }) => leaves.find(({ id }) => id === featureId)?.name === 'vm_instances'));
  assert.deepEqual((await get(`/iam/v2/features/assignments?tenantId=${bellis.tenants[0]?.id}`)).json(), []);
  assert.deepEqual((await get('/iam/v2/features/assignments?tenantId=x')).json(), []);
});

test('IAM-02: a user who is no owner sees the tenants in which they hold a permission', async (t) => {
  const api = await seededApi(t);
  const [production, staging] = api.secrets.organisations[0]?.tenants ?? [];
  assert.ok(production && staging);
  const owner = await api.authenticate(`Bearer ${await api.login(production.token)}`, '127.0.0.1');
  await api.query('update users set owner = false where id = $1', [owner.userId]);
  await api.query('delete from role_grants where tenant_id = $1', [staging.id]);
  const token = await api.login(production.token);
  const tenants = (await api.tenant('GET', '/iam/v2/tenants', { token })).json<Tenant[]>();
  assert.deepEqual(
    tenants.map(({ id }) => id),
    [production.id],
  );
});
