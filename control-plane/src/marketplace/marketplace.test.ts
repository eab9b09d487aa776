import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { CreatedPersonalAccessToken, MarketplaceItem, OpenIaasItemInfo } from '#contract/generated/tenant.ts';
import { seededApi } from '#test/support/seeded-api.ts';
import { roleIdOf } from '../iam/permissions.ts';

test('notes §5: the items are the images, of exactly the type that clients look for', async (t) => {
  const api = await seededApi(t);
  const token = await api.login(api.secrets.organisations[0]?.tenants[0]?.token ?? api.secrets.providerToken);
  const items = (await api.tenant('GET', '/marketplace/v1/items', { token })).json<MarketplaceItem[]>();
  assert.deepEqual(
    items.map(({ name }) => name),
    ['Debian 12', 'Micro (test)'],
  );
  assert.ok(items.every(({ type }) => type === 'Virtual Machine Image'));
  const [item] = items;
  assert.ok(item);
  const path = `/marketplace/v1/items/${item.id}`;
  assert.deepEqual((await api.tenant('GET', path, { token })).json(), item);
  const info = (await api.tenant('GET', `${path}/open_iaas/info`, { token })).json<OpenIaasItemInfo>();
  assert.deepEqual([info.networkAdapters.length, info.disks?.[0]?.virtualSize], [1, 10 * 1024 ** 3]);
  assert.equal((await api.tenant('GET', `${path}/vmware/info`, { token })).status, 200);
  for (const url of [`/marketplace/v1/items/${randomUUID()}`, `/marketplace/v1/items/${randomUUID()}/vmware/info`])
    assert.equal((await api.tenant('GET', url, { token })).status, 404);
});

test('a deployment is refused: permission first, then the item, then the target', async (t) => {
  const api = await seededApi(t);
  const owner = await api.login(api.secrets.organisations[0]?.tenants[0]?.token ?? api.secrets.providerToken);
  const [item] = (await api.tenant('GET', '/marketplace/v1/items', { token: owner })).json<MarketplaceItem[]>();
  const body = { name: 'vm', storageRepositoryId: randomUUID() };
  const url = '/marketplace/v1/items/open_iaas/deploy';
  const made = await api.tenant('POST', '/iam/v2/personal_access_tokens', {
    token: owner,
    body: { name: 'weak', roles: [roleIdOf('activity_read')], expirationDate: Date.now() + 60_000 },
  });
  const weak = await api.login(made.json<CreatedPersonalAccessToken>());
  assert.equal((await api.tenant('POST', url, { token: weak, body: { ...body, id: item?.id } })).status, 403);
  const unknown = await api.tenant('POST', url, { token: owner, body: { ...body, id: randomUUID() } });
  assert.equal(unknown.json<{ code: string }>().code, 'not_found');
  const refused = await api.tenant('POST', url, { token: owner, body: { ...body, id: item?.id } });
  assert.equal(refused.status, 404);
  assert.equal(refused.json<{ code: string }>().code, 'target_not_offered');
  const withoutConfig = await api.tenant('POST', url, { token: owner, body: { ...body, id: item?.id, cloudInit: {} } });
  assert.equal(withoutConfig.status, 400);
});
