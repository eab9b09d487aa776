import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Capacity, Health, ProviderArray, ProviderHost, ProviderImage } from '#contract/generated/provider.ts';
import type { VmQuota, VmTemplate } from '#contract/generated/tenant.ts';
import { catalogueFile, readCatalogue } from '#images/catalogue.ts';
import { seededApi } from '#test/support/seeded-api.ts';
import { Database } from '../database/database.ts';
import { checkHealth } from './health.ts';

test('SVC-05: an operator logs in on the provider listener only, and a tenant never does', async (t) => {
  const api = await seededApi(t);
  const url = '/provider/v1/auth/token';
  const answer = await api.provider('POST', url, { body: api.secrets.providerToken });
  assert.equal(answer.status, 200);
  const { token, expiresAt } = answer.json<{ token: string; expiresAt: string }>();
  assert.ok(Date.parse(expiresAt) > Date.now());
  assert.equal((await api.provider('GET', '/provider/v1/hosts', { token })).status, 200);
  const tenant = api.secrets.organisations[0]?.tenants[0]?.token;
  assert.equal((await api.provider('POST', url, { body: tenant })).status, 401);
  assert.equal((await api.provider('GET', '/provider/v1/hosts')).status, 401);
});

test('an operator without provider_write changes nothing', async (t) => {
  const api = await seededApi(t);
  await api.query("update provider_tokens set permissions = '{provider_read}'");
  const token = await api.loginProvider();
  const [host] = (await api.provider('GET', '/provider/v1/hosts', { token })).json<ProviderHost[]>();
  const url = `/provider/v1/hosts/${host?.id}/maintenance`;
  assert.equal((await api.provider('PUT', url, { token, body: { maintenance: true } })).status, 403);
});

test('hosts, arrays and capacity add up to the topology', async (t) => {
  const api = await seededApi(t);
  const token = await api.loginProvider();
  await api.query(
    `update hosts set vcpus_reserved = 5, memory_reserved_mib = 1024, reachable = false, last_seen_at = now(),
       observed = '{"problems": ["no cgroups"]}' where name = 'fr1-az01-h01'`,
  );
  const hosts = (await api.provider('GET', '/provider/v1/hosts', { token })).json<ProviderHost[]>();
  assert.deepEqual(
    hosts.map(({ name, status }) => `${name} ${status}`),
    ['fr1-az01-h01 down', 'fr1-az01-h02 unknown', 'fr1-az02-h01 unknown', 'fr1-az03-h01 unknown'],
  );
  assert.deepEqual(hosts[0]?.vcpu, { total: 32, reserved: 5 });
  assert.deepEqual(hosts[0]?.problems, ['no cgroups']);
  const arrays = (await api.provider('GET', '/provider/v1/arrays', { token })).json<ProviderArray[]>();
  assert.deepEqual(
    arrays[0]?.pools.map(({ storageClass, sizeGib, iopsLimit }) => [storageClass, sizeGib, iopsLimit]),
    [
      ['enterprise', 512, 3750],
      ['standard', 512, 750],
    ],
  );
  const { zones } = (await api.provider('GET', '/provider/v1/capacity', { token })).json<Capacity>();
  assert.deepEqual(
    zones.map(({ zoneName, vcpu, memoryMib, storageGib }) => [zoneName, vcpu, memoryMib.total, storageGib.total]),
    [
      ['fr1-az01', { total: 64, reserved: 5 }, 16_384, 1_024],
      ['fr1-az02', { total: 32, reserved: 0 }, 8_192, 1_024],
      ['fr1-az03', { total: 32, reserved: 0 }, 8_192, 1_024],
    ],
  );
});

test('a host goes into maintenance with a reason and back; each is audited', async (t) => {
  const api = await seededApi(t);
  const token = await api.loginProvider();
  const [host] = (await api.provider('GET', '/provider/v1/hosts', { token })).json<ProviderHost[]>();
  const url = `/provider/v1/hosts/${host?.id}/maintenance`;
  const body = { maintenance: true, reason: 'new fans' };
  const on = (await api.provider('PUT', url, { token, body })).json<ProviderHost>();
  assert.deepEqual([on.maintenance, on.maintenanceReason], [true, 'new fans']);
  assert.deepEqual(await api.query('select state from hosts where id = $1', [host?.id]), [{ state: 'maintenance' }]);
  const off = (await api.provider('PUT', url, { token, body: { maintenance: false } })).json<ProviderHost>();
  assert.deepEqual([off.maintenance, off.maintenanceReason], [false, null]);
  const unknown = `/provider/v1/hosts/${randomUUID()}/maintenance`;
  assert.equal((await api.provider('PUT', unknown, { token, body })).status, 404);
  const audit = await api.query('select operation, tenant_id, actor_id from audit_entries');
  const entry = { operation: 'setHostMaintenance', tenant_id: null, actor_id: api.secrets.providerToken.id };
  assert.deepEqual(audit, [entry, entry]);
});

test('IMG-04, RACI-11: publishing offers a version at once, supersedes the old one, refuses drafts', async (t) => {
  const api = await seededApi(t);
  const token = await api.loginProvider();
  const tenantToken = await api.login(api.secrets.organisations[0]?.tenants[0]?.token ?? api.secrets.providerToken);
  const catalogue = await readCatalogue(api.imagesDir);
  const [debian] = catalogue.images;
  assert.ok(debian);
  const newer = {
    ...debian,
    versionId: randomUUID(),
    version: '2026.02.01-1',
    releaseDate: '2026-02-01',
    status: 'validated' as const,
  };
  const draft = { ...newer, versionId: randomUUID(), version: '2026.03.01-1', status: 'draft' as const };
  const images = [...catalogue.images, newer, draft];
  await writeFile(join(api.imagesDir, catalogueFile), JSON.stringify({ formatVersion: 1, images }));
  const publish = (versionId: string): ReturnType<typeof api.provider> =>
    api.provider('POST', '/provider/v1/images', { token, body: { versionId } });
  const first = await publish(newer.versionId);
  assert.equal(first.status, 201);
  assert.deepEqual((await publish(newer.versionId)).json(), first.json(), 'repeatable');
  assert.equal(first.json<ProviderImage>().published, true);
  assert.equal((await publish(draft.versionId)).status, 400);
  assert.equal((await publish(randomUUID())).status, 404);
  const template = (
    await api.tenant('GET', `/vm_instances/v1/templates/${debian.id}`, { token: tenantToken })
  ).json<VmTemplate>();
  assert.equal(template.version, '2026.02.01-1');
  const listed = (await api.provider('GET', '/provider/v1/images', { token })).json<ProviderImage[]>();
  assert.deepEqual(
    listed.map(({ name, version, published }) => `${name} ${version} ${published}`),
    ['Debian 12 2026.02.01-1 true', 'Debian 12 2026.01.01-1 false', 'Micro (test) 2026.01.01-1 true'],
  );
  assert.ok((await readFile(join(api.imagesDir, catalogueFile), 'utf8')).includes(draft.versionId));
});

test('notes §7.8: a quota set by the operator is what the tenant reads', async (t) => {
  const api = await seededApi(t);
  const token = await api.loginProvider();
  const tenant = api.secrets.organisations[1]?.tenants[0];
  assert.ok(tenant);
  const body = { vcpuLimit: 7, ramLimitMb: 8192, storageLimitGb: 100 };
  const set = (id: string, limits: object): ReturnType<typeof api.provider> =>
    api.provider('PUT', `/provider/v1/tenants/${id}/quota`, { token, body: limits });
  assert.deepEqual((await set(tenant.id, body)).json(), body);
  const quota = (
    await api.tenant('GET', '/vm_instances/v1/quotas', { token: await api.login(tenant.token) })
  ).json<VmQuota>();
  assert.deepEqual([quota.vcpuLimit, quota.ramLimitMb, quota.storageLimitGb], [7, 8192, 100]);
  assert.equal((await set(randomUUID(), body)).status, 404);
  assert.equal((await set(tenant.id, { ...body, vcpuLimit: -1 })).status, 400);
  assert.equal((await set(tenant.id, { ...body, vcpuLimit: 1e300 })).status, 400);
});

test('health: ok while the database answers, unavailable with the reason when it does not', async (t) => {
  const api = await seededApi(t);
  assert.deepEqual((await api.provider('GET', '/healthz')).json<Health>().status, 'ok');
  // Nothing listens on port 1 (tcpmux).
  const database = new Database({ url: 'postgres://nobody@127.0.0.1:1/none' });
  t.after(() => database.close());
  const sick = await checkHealth({ database, name: 'control-1', version: '0.0.0' });
  assert.equal(sick.status, 'unavailable');
  assert.match(sick.problems?.join() ?? '', /database/);
});
