import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operationWorld } from '#test/support/operation-world.ts';

test('notes 7.2: walking a list of 2,450 machines meets each once, in every order, and deep pages show deletions', async (t) => {
  const world = await operationWorld(t);
  const { initiator, ids } = world;
  await world.query(
    `insert into machines (id, tenant_id, name, zone_id, image_id, image_version_id, family_id, backup_policy_id, vcpu, ram_gb, status, power_wanted, created_at)
     select gen_random_uuid(), $1, 'vm-' || n, $2, $3, (select current_version_id from images where id = $3), $4, $5, 1 + n % 3, 1, 'stopped', 'off',
       now() + make_interval(secs => (n / 7) * 0.000001)
     from generate_series(1, 2450) n`,
    [initiator.tenantId, ids.zoneId, ids.templateId, ids.familyId, ids.policyId],
  );
  await world.query('update tenant_usage set machine_count = 2450 where tenant_id = $1', [initiator.tenantId]);
  const everything = { name: null, status: null, zoneId: null, familyId: null };
  const walk = async (order: 'createdAt' | 'vcpu', direction: 'asc' | 'desc'): Promise<string[]> => {
    const met: string[] = [];
    for (let offset = 0; ; offset += 200) {
      const { vms, total } = await world.instances.list(initiator, everything, {
        limit: 200,
        offset,
        order,
        direction,
      });
      assert.equal(total, 2450);
      met.push(...vms.map((vm) => vm.id));
      if (vms.length < 200) return met;
    }
  };
  const forward = await walk('createdAt', 'asc');
  assert.equal(new Set(forward).size, 2450);
  assert.deepEqual(await walk('createdAt', 'desc'), forward.toReversed());
  assert.equal(new Set(await walk('vcpu', 'desc')).size, 2450);

  const page = { limit: 200, offset: 2000, order: 'createdAt', direction: 'asc' } as const;
  await world.query('delete from machines where id = $1', [forward[0]]);
  await world.query('update tenant_usage set machine_count = 2449 where tenant_id = $1', [initiator.tenantId]);
  const { vms } = await world.instances.list(initiator, everything, page);
  assert.deepEqual(
    vms.map((vm) => vm.id),
    forward.slice(2001, 2201),
  );
});
