import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Event, Machine, MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import { seededRandom } from '#libs/simulation/random.ts';
import { systemTime, TimerQueue } from '#libs/simulation/timer-queue.ts';
import type { HostLatency, SimulatedHostOptions } from './options.ts';
import { SimulatedHost } from './simulated-host.ts';

const machineId = '018f0000-0000-7000-8000-000000000001';
const otherId = '018f0000-0000-7000-8000-000000000002';

function host(
  t: TestContext,
  latency: HostLatency = {},
  journal: SimulatedHostOptions['journal'] = null,
): SimulatedHost {
  const made = new SimulatedHost({
    id: '018f0000-0000-7000-8000-0000000000aa',
    name: 'h01',
    cores: 4,
    memoryMib: 4096,
    latency,
    random: seededRandom(1, 'h01'),
    time: systemTime,
    timers: new TimerQueue(systemTime),
    journal,
  });
  t.after(() => made.close());
  return made;
}

function spec(changes: Partial<MachineSpec> = {}): MachineSpec {
  return {
    generation: 1,
    name: 'web-1',
    power: 'on',
    vcpus: 1,
    memoryMib: 1024,
    cpu: { policy: 'shared', weight: 100 },
    disks: [{ volumeId: '018f0000-0000-7000-8000-0000000000d0', position: 0, serial: 'd0', nbd: { export: 'd0' } }],
    adapters: [
      {
        adapterId: '018f0000-0000-7000-8000-0000000000e0',
        portName: 'e0',
        macAddress: '02:00:00:01:02:03',
        deviceIndex: 0,
      },
    ],
    restart: { policy: 'never' },
    ...changes,
  };
}

const refusal = (code: string) => (error: unknown) => error instanceof AgentProblem && error.code === code;

/** Reads events until one of `type` comes. */
async function eventOf(driver: SimulatedHost, type: Event['type']): Promise<Event> {
  const signal = AbortSignal.timeout(10_000);
  for (let after = 0; !signal.aborted;) {
    const { events, last } = await driver.events({ after, waitMs: 1000, signal });
    const found = events.find((event) => event.type === type);
    if (found !== undefined) return found;
    after = last;
  }
  throw new Error(`no event ${type}`);
}

test('without latency the guest is up when the call answers', async (t) => {
  const machine = await host(t).put(machineId, spec());
  assert.equal(machine.status, 'running');
  assert.equal(machine.tools.state, 'ok');
  assert.deepEqual(machine.addresses, [
    { name: 'eth0', macAddress: '02:00:00:01:02:03', ipv4: ['10.1.2.3'], ipv6: [] },
  ]);
});

test('TOL-05: tools are unknown until the guest has booted, then ok, and both are told', async (t) => {
  const driver = host(t, { guestBootMs: [60, 60] });
  const started = await driver.put(machineId, spec());
  assert.equal(started.tools.state, 'unknown');
  assert.deepEqual(started.addresses, []);
  assert.equal((await eventOf(driver, 'tools')).machine?.tools.state, 'ok');
  await eventOf(driver, 'addresses');
  assert.equal((await driver.put(machineId, spec({ generation: 2, power: 'off' }))).tools.state, 'unknown');
});

test('memory is not oversold, and is given back by a stop and a delete', async (t) => {
  const driver = host(t);
  await driver.put(machineId, spec({ memoryMib: 3072 }));
  await assert.rejects(driver.put(otherId, spec({ memoryMib: 2048 })), refusal('insufficient_memory'));
  await assert.rejects(driver.get(otherId), refusal('not_found'));
  await driver.put(machineId, spec({ generation: 2, power: 'off', memoryMib: 4096 }));
  await driver.put(otherId, spec({ memoryMib: 2048 }));
  await assert.rejects(driver.put(machineId, spec({ generation: 3, memoryMib: 4096 })), refusal('insufficient_memory'));
  await driver.delete(otherId);
  assert.equal((await driver.put(machineId, spec({ generation: 3, memoryMib: 4096 }))).power, 'on');
  assert.equal((await driver.host()).memoryUsedMib, 4096);
});

test('two starts at once cannot take the same memory', async (t) => {
  const driver = host(t, { machineStartMs: [20, 20] });
  const results = await Promise.allSettled([
    driver.put(machineId, spec({ memoryMib: 3072 })),
    driver.put(otherId, spec({ memoryMib: 3072 })),
  ]);
  assert.deepEqual(results.map((result) => result.status).toSorted(), ['fulfilled', 'rejected']);
});

test('fault-start-fails: the start fails, the machine stays off and can be deleted', async (t) => {
  const driver = host(t);
  await assert.rejects(driver.put(machineId, spec({ name: 'a fault-start-fails' })), refusal('internal'));
  assert.equal((await driver.get(machineId)).status, 'stopped');
  await driver.delete(machineId);
  assert.deepEqual(await driver.list(), []);
});

test('fault-crash-after: a crash is told; on_crash restarts up to maxPerHour, then stays crashed', async (t) => {
  const driver = host(t);
  const restart = { policy: 'on_crash', maxPerHour: 1 } as const;
  await driver.put(machineId, spec({ name: 'fault-crash-after-20ms', restart }));
  const { machine } = await eventOf(driver, 'restarted');
  assert.equal(machine?.restarts, 1);
  const crashed = await waitForStatus(driver, 'crashed');
  assert.equal(crashed.stopCause, 'crash');
  assert.equal((await driver.put(machineId, spec({ name: 'fault-crash-after-20ms', restart }))).status, 'crashed');
});

test('fault-poweroff-after: the guest stops by itself and is not started again', async (t) => {
  const driver = host(t);
  await driver.put(machineId, spec({ name: 'fault-poweroff-after-20ms', restart: { policy: 'on_crash' } }));
  const { machine } = await eventOf(driver, 'stopped');
  assert.equal(machine?.stopCause, 'guest');
  assert.equal(machine?.status, 'stopped');
});

test('fault-no-tools, fault-outdated-tools, fault-freeze-fails', async (t) => {
  const driver = host(t);
  const mute = await driver.put(machineId, spec({ name: 'fault-no-tools', memoryMib: 512 }));
  assert.equal(mute.tools.state, 'absent');
  assert.deepEqual(mute.addresses, []);
  assert.deepEqual(await driver.freeze(machineId, 10), { frozen: false });
  const old = await driver.put(otherId, spec({ name: 'fault-outdated-tools fault-freeze-fails', memoryMib: 512 }));
  assert.equal(old.tools.state, 'outdated');
  assert.deepEqual(await driver.freeze(otherId, 10), { frozen: false });
});

test('what was journalled is taken back as it was', async (t) => {
  const facts = new Map<string, unknown>();
  const journal = {
    put: (_kind: string, id: string, value: unknown) => void facts.set(id, JSON.parse(JSON.stringify(value))),
    remove: (_kind: string, id: string) => void facts.delete(id),
  };
  const before = host(t, {}, journal);
  await before.put(machineId, spec());
  await before.put(otherId, spec());
  await before.delete(otherId);
  const after = host(t);
  for (const [id, value] of facts) after.restore(id, value);
  after.resume();
  assert.deepEqual(await after.list(), await before.list());
  assert.equal((await after.host()).memoryUsedMib, 1024);
  assert.deepEqual(await after.put(machineId, spec()), await before.get(machineId));
});

test('the serial text grows with each boot and is streamed to who follows', async (t) => {
  const driver = host(t);
  await driver.put(machineId, spec());
  const controller = new AbortController();
  const { start, end, body } = await driver.serial(machineId, { offset: 0, follow: true, signal: controller.signal });
  await driver.reset(machineId);
  await driver.delete(machineId);
  let text = '';
  for await (const chunk of body) text += String(chunk);
  assert.equal(start, 0);
  assert.ok(text.length > end);
  assert.equal(text.split('web-1 login: ').length, 3);
});

async function waitForStatus(driver: SimulatedHost, status: Machine['status']): Promise<Machine> {
  for (let after = 0; ;) {
    const machine = await driver.get(machineId);
    if (machine.status === status) return machine;
    const { last } = await driver.events({ after, waitMs: 5000, signal: AbortSignal.timeout(10_000) });
    assert.ok(last > after, `status ${machine.status} and no more news`);
    after = last;
  }
}
