import assert from 'node:assert/strict';
import { test } from 'node:test';
import { operationWorld, plainMemory } from '#test/support/operation-world.ts';
import { checkRegion } from './service.ts';

test('the check finds nothing in a healthy region, and each kind of damage by name', async (t) => {
  const world = await operationWorld(t);
  const { ids } = world;
  const activityId = await world.instances.create(world.initiator, {
    name: 'vm',
    availabilityZoneId: ids.zoneId,
    instanceFamilyId: ids.familyId,
    templateId: ids.templateId,
    backupPolicyId: ids.policyId,
    cpu: 1,
    memory: 1,
    networkInterfaces: [{ deviceIndex: 0, networkId: ids.networkId }],
    powerState: 'on',
  });
  await world.run(activityId, plainMemory);
  const check = (): Promise<string[]> => checkRegion(world.parts);
  assert.deepEqual(await check(), []);

  const [machine] = await world.query<{ id: string; hostId: string }>('select id, host_id as "hostId" from machines');
  const [adapter] = await world.query<{ id: string }>('select id from adapters');
  const [volume] = await world.query<{ id: string; arrayId: string }>(
    'select v.id, p.array_id as "arrayId" from volumes v join pools p on p.id = v.pool_id',
  );
  assert.ok(machine && adapter && volume);

  await world.parts.network.deletePort(adapter.id);
  assert.deepEqual(await check(), [`adapter ${adapter.id} has no port on the data path`]);
  await (await world.parts.agents.array(volume.arrayId)).delete(`/v1/volumes/${volume.id}`);
  await (await world.parts.agents.host(machine.hostId)).delete(`/v1/machines/${machine.id}`);
  assert.deepEqual((await check()).toSorted(), [
    `adapter ${adapter.id} has no port on the data path`,
    `machine ${machine.id} (vm) is on no host`,
    `volume ${volume.id} of machine ${machine.id} is on no array`,
  ]);
  await world.query('update hosts set vcpus_reserved = vcpus_reserved + 3 where id = $1', [machine.hostId]);
  assert.ok((await check()).some((line) => /^vCPU reserved on fr1-az01-h0\d: 4 is kept, 1 is right$/.test(line)));
});
