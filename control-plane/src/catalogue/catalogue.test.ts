import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type {
  VmAvailabilityZone,
  VmBackupPolicy,
  VmFlavorList,
  VmInstanceFamily,
  VmNetwork,
  VmQuota,
  VmRegion,
  VmStorageTypeList,
  VmTemplate,
} from '#contract/generated/tenant.ts';
import { type Answer, type SeededApi, seededApi } from '#test/support/seeded-api.ts';
import { compareVersions } from './publication-service.ts';

async function reader(api: SeededApi, organisation = 0): Promise<(path: string) => Promise<Answer>> {
  const tenant = api.secrets.organisations[organisation]?.tenants[0];
  assert.ok(tenant);
  const token = await api.login(tenant.token);
  return (path) => api.tenant('GET', `/vm_instances/v1/${path}`, { token });
}

test('the names that users’ configurations look up are there, once each', async (t) => {
  const get = await reader(await seededApi(t));
  const names = async (path: string): Promise<string[]> =>
    (await get(path)).json<{ name: string }[]>().map(({ name }) => name);
  assert.deepEqual(await names('regions'), ['fr1']);
  assert.deepEqual(await names('availability_zones'), ['fr1-az01', 'fr1-az02', 'fr1-az03']);
  assert.deepEqual(await names('instance_families'), ['Development', 'General Purpose', 'Performance']);
  assert.deepEqual(await names('templates'), ['Debian 12', 'Micro (test)']);
  assert.deepEqual(await names('backup_policies'), ['No Backup']);
  assert.deepEqual(await names('networks'), ['LAN01']);
  const types = (await get('storage_types')).json<VmStorageTypeList>().storageTypes;
  assert.deepEqual(
    types.map(({ name, iopsHint }) => [name, iopsHint]),
    [
      ['Standard', '1500 IOPS per TiB'],
      ['Enterprise', '7500 IOPS per TiB'],
    ],
  );
});

test('FLV-01…03: the flavors of each family, FLV-04: its bounds', async (t) => {
  const get = await reader(await seededApi(t));
  const families = (await get('instance_families')).json<VmInstanceFamily[]>();
  const shown = await Promise.all(
    families.map(async ({ id, name, vcpuMin, vcpuMax, ramMinGb, ramMaxGb }) => {
      const { flavors } = (await get(`flavors?familyId=${id}`)).json<VmFlavorList>();
      return [
        name,
        [vcpuMin, vcpuMax, ramMinGb, ramMaxGb],
        flavors.map((flavor) => `${flavor.name} ${flavor.vcpu}/${flavor.ramGb}`),
      ];
    }),
  );
  assert.deepEqual(shown, [
    ['Development', [1, 16, 1, 24], ['dev.small 1/2', 'dev.medium 2/4', 'dev.large 4/8']],
    [
      'General Purpose',
      [1, 32, 4, 128],
      ['gp.small 1/4', 'gp.medium 2/8', 'gp.large 4/16', 'gp.xlarge 8/32', 'gp.2xlarge 16/64'],
    ],
    ['Performance', [2, 16, 4, 32], ['perf.medium 2/4', 'perf.large 4/8', 'perf.xlarge 8/16', 'perf.2xlarge 16/32']],
  ]);
  assert.equal((await get('flavors')).json<VmFlavorList>().flavors.length, 12);
  assert.deepEqual((await get(`flavors?familyId=${randomUUID()}`)).json<VmFlavorList>().flavors, []);
});

test('by id: each object as in its list; unknown 404, an unknown network 400 (notes §1.2)', async (t) => {
  const get = await reader(await seededApi(t));
  for (const path of ['regions', 'availability_zones', 'instance_families', 'templates', 'networks']) {
    const [first] = (await get(path)).json<{ id: string }[]>();
    assert.deepEqual((await get(`${path}/${first?.id}`)).json(), first, path);
    for (const unknown of [randomUUID(), '00000000-0000-0000-0000-000000000000', 'nonsense'])
      assert.equal((await get(`${path}/${unknown}`)).status, path === 'networks' ? 400 : 404, `${path}/${unknown}`);
  }
});

test('filters: zones by region, templates by family and zone', async (t) => {
  const get = await reader(await seededApi(t));
  const [region] = (await get('regions')).json<VmRegion[]>();
  const [zone] = (await get('availability_zones')).json<VmAvailabilityZone[]>();
  assert.ok(region && zone);
  assert.equal(region.azCount, 3);
  const count = async (path: string): Promise<number> => (await get(path)).json<unknown[]>().length;
  assert.equal(await count(`availability_zones?regionId=${region.id}`), 3);
  assert.equal(await count(`availability_zones?regionId=${randomUUID()}`), 0);
  const family = zone.compatibleFamilies[0]?.id;
  assert.equal(await count(`templates?availabilityZoneId=${zone.id}&instanceFamilyId=${family}`), 2);
  assert.equal(await count(`templates?availabilityZoneId=${zone.id}&instanceFamilyId=${randomUUID()}`), 0);
  const [template] = (await get('templates')).json<VmTemplate[]>();
  assert.ok(template);
  assert.ok(template.compatibleFamilies.includes(family ?? ''));
  assert.deepEqual(template.diskSizesGb, [10]);
});

test('notes §7.4: a backbone network has no member vpc, and each tenant sees its own only', async (t) => {
  const api = await seededApi(t);
  const [mine, theirs] = [await reader(api, 0), await reader(api, 1)];
  const [network] = (await mine('networks')).json<VmNetwork[]>();
  assert.ok(network && !('vpc' in network));
  assert.equal((await theirs(`networks/${network.id}`)).status, 400);
  assert.ok(!(await theirs('networks')).text.includes(network.id));
});

test('notes §7.8: quota and use of the tenant; 404 when it is not set up', async (t) => {
  const api = await seededApi(t);
  const get = await reader(api);
  const tenantId = api.secrets.organisations[0]?.tenants[0]?.id;
  await api.query(
    'update tenant_usage set vcpu_used = 3, ram_used_mb = 4096, storage_used_gb = 20 where tenant_id = $1',
    [tenantId],
  );
  const quota = (await get('quotas')).json<VmQuota>();
  assert.deepEqual([quota.vcpuUsed, quota.ramUsedMb, quota.storageUsedGb], [3, 4096, 20]);
  assert.ok(quota.vcpuLimit > 0);
  await api.query('delete from quotas where tenant_id = $1', [tenantId]);
  assert.equal((await get('quotas')).status, 404);
});

test('AMB-05: the shared service offers going without backup', async (t) => {
  const get = await reader(await seededApi(t));
  const [policy] = (await get('backup_policies')).json<VmBackupPolicy[]>();
  assert.deepEqual([policy?.name, policy?.retention, policy?.scheduleCron], ['No Backup', null, null]);
});

test('a change of the provider’s tables shows within a second, and at once where it was made', async (t) => {
  const api = await seededApi(t);
  const zone = (await api.catalogue.snapshot()).zones[0];
  assert.ok(zone);
  await api.query("update zones set name = 'renamed' where id = $1", [zone.id]);
  api.catalogue.changed();
  assert.equal((await api.catalogue.findZone(zone.id))?.name, 'renamed');
  assert.equal((await api.catalogue.names()).zones.get(zone.id), 'renamed');
});

test('a withdrawn image is no template any more, yet keeps its name for the machines made from it (IMG-04)', async (t) => {
  const api = await seededApi(t);
  const image = (await api.catalogue.snapshot()).offered[0];
  assert.ok(image);
  await api.query("update image_versions set status = 'superseded' where id = $1", [image.version.id]);
  api.catalogue.changed();
  assert.equal(await api.catalogue.findImage(image.image.id), null);
  assert.equal((await api.catalogue.names()).images.get(image.image.id), 'Debian 12');
});

test('versions are ordered by their numbers, not by their letters', () => {
  assert.ok(compareVersions('2026.11.21-10', '2026.11.21-2') > 0);
  assert.ok(compareVersions('2026.9.1-1', '2026.10.1-1') < 0);
  assert.equal(compareVersions('2026.11.21-1', '2026.11.21-1'), 0);
});
