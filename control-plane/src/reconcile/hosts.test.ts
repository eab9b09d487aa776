import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Machine } from '#contract/generated/agent-host.ts';
import { waitFor } from '#libs/process/wait.ts';
import { operationWorld, type OperationWorld, plainMemory } from '#test/support/operation-world.ts';
import { compareHost } from './hosts.ts';

interface Placed {
  readonly world: OperationWorld;
  readonly id: string;
  readonly hostId: string;
}

async function placed(t: TestContext, name: string): Promise<Placed> {
  const world = await operationWorld(t);
  const { ids } = world;
  const activityId = await world.instances.create(world.initiator, {
    name,
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
  const [row] = await world.query<{ id: string; hostId: string }>('select id, host_id as "hostId" from machines');
  assert.ok(row);
  return { world, ...row };
}

async function observed({ world, id, hostId }: Placed): Promise<Machine> {
  return (await world.parts.agents.host(hostId)).get<Machine>(`/v1/machines/${id}`);
}

async function guestGoesOff(machine: Placed): Promise<void> {
  await waitFor(async () => (await observed(machine)).power === 'off', {
    what: 'the guest to switch itself off',
    timeoutMs: 20_000,
    intervalMs: 50,
  });
}

async function rowOf({ world }: Placed): Promise<{ status: string; power: string } | undefined> {
  return (
    await world.query<{ status: string; power: string }>('select status, power_wanted as power from machines')
  )[0];
}

test('a machine that is missing on its host is told again; one that is being deleted is not', async (t) => {
  const machine = await placed(t, 'vm');
  const { world, id, hostId } = machine;
  await (await world.parts.agents.host(hostId)).delete(`/v1/machines/${id}`);
  assert.deepEqual(await compareHost(world.parts, hostId), { retell: [id], strays: [] });
  await world.query(`update machines set status = 'deleting'`);
  assert.deepEqual(await compareHost(world.parts, hostId), { retell: [], strays: [] });
});

test('a guest that switched itself off is stopped, and stays so although its machine was renamed meanwhile', async (t) => {
  const machine = await placed(t, 'fault-poweroff-after-1s');
  const { world, id, hostId } = machine;
  await guestGoesOff(machine);
  await world.query('update machines set generation = generation + 1');
  assert.deepEqual(await compareHost(world.parts, hostId), { retell: [], strays: [] });
  assert.deepEqual(await rowOf(machine), { status: 'stopped', power: 'off' });
  assert.equal((await observed({ world, id, hostId })).power, 'off');
});

test('operations that change nothing on a machine whose guest went off by itself end at once', async (t) => {
  const machine = await placed(t, 'fault-poweroff-after-1s');
  const { world, id, hostId } = machine;
  await guestGoesOff(machine);
  await compareHost(world.parts, hostId);
  assert.deepEqual(await rowOf(machine), { status: 'stopped', power: 'off' });
  const began = performance.now();
  for (const submit of [
    () => world.instances.stop(world.initiator, id),
    () => world.instances.resize(world.initiator, id, { cpu: 1 }),
  ]) {
    const activityId = await submit();
    await world.run(activityId, plainMemory);
    const [activity] = await world.query<{ state: string }>('select state from activities where id = $1', [activityId]);
    assert.equal(activity?.state, 'completed');
  }
  assert.ok(performance.now() - began < 30_000, 'neither waited for its deadline');
});

test('a start while the row still says running boots a guest that had just gone off', async (t) => {
  const machine = await placed(t, 'fault-poweroff-after-1s');
  const { world, id } = machine;
  await guestGoesOff(machine);
  const activityId = await world.instances.start(world.initiator, id);
  await world.run(activityId, plainMemory);
  assert.deepEqual(await rowOf(machine), { status: 'running', power: 'on' });
  const events = await observed(machine);
  assert.ok(events.startedAt !== null);
});

test('a machine that lives on another host now is a stray here', async (t) => {
  const machine = await placed(t, 'vm');
  const { world, id, hostId } = machine;
  const [other] = await world.query<{ id: string }>('select id from hosts where id <> $1 limit 1', [hostId]);
  await world.query('update machines set host_id = $1', [other?.id]);
  assert.deepEqual(await compareHost(world.parts, hostId), { retell: [], strays: [id] });
});
