import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import type { AdapterSpec, DiskSpec, Event, Machine, MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import type { HostDriver } from './driver.ts';

/** One driver set up for the contract tests, on a host of 4,096 MiB with nothing on it. */
export interface ContractHarness {
  readonly driver: HostDriver;
  /** A machine of 1 vCPU and 64 MiB with one boot disk that is on, never restarts and stops without grace. */
  spec(): Promise<MachineSpec>;
  /** One more disk. */
  disk(position: number): Promise<DiskSpec>;
  adapter(deviceIndex: number): AdapterSpec;
  end(): Promise<void>;
}

const DEADLINE_MS = 30_000;

/** What every host driver must do (contract/agents/host.yaml), as tests. `skip` says why they cannot run here. */
export function hostDriverContract(name: string, make: () => Promise<ContractHarness>, skip?: string): void {
  describe(`host contract: ${name}`, { skip: skip ?? false }, () => {
    let harness: ContractHarness;
    before(async () => {
      harness = await make();
    });
    after(async () => {
      await harness.end();
    });
    const driver = (): HostDriver => harness.driver;
    const started = async (
      change: Partial<MachineSpec> = {},
    ): Promise<{ id: string; spec: MachineSpec; machine: Machine }> => {
      const id = randomUUID();
      const spec = { ...(await harness.spec()), ...change };
      return { id, spec, machine: await driver().put(id, spec) };
    };

    test('an unknown machine is not_found, but deleting it is fine', async () => {
      const id = randomUUID();
      await refused(driver().get(id), 404, 'not_found');
      await refused(driver().reset(id), 404, 'not_found');
      await refused(driver().freeze(id, 5), 404, 'not_found');
      await refused(driver().thaw(id), 404, 'not_found');
      await refused(
        driver().serial(id, { offset: 0, follow: false, signal: AbortSignal.timeout(1000) }),
        404,
        'not_found',
      );
      await driver().delete(id);
    });

    test('a PUT answers when the machine runs, and is seen by every read', async () => {
      const { id, spec, machine } = await started();
      assert.deepEqual([machine.id, machine.power, machine.status, machine.generation], [id, 'on', 'running', 1]);
      assert.deepEqual(
        machine.disks,
        spec.disks.map((disk) => disk.volumeId),
      );
      assert.ok(machine.startedAt);
      assert.deepEqual((await driver().get(id)).startedAt, machine.startedAt);
      assert.ok((await driver().list()).some((each) => each.id === id));
      const host = await driver().host();
      assert.ok(host.machineCount >= 1);
      assert.ok((host.memoryUsedMib ?? 0) >= 64);
      await driver().delete(id);
    });

    test('the same generation with the same content changes nothing', async () => {
      const { id, spec, machine } = await started();
      const { last } = await eventsNow(driver());
      const again = await driver().put(id, structuredClone(spec));
      assert.deepEqual([again.startedAt, again.pid], [machine.startedAt, machine.pid]);
      assert.deepEqual(
        (await eventsNow(driver(), last)).events.filter((event) => event.machineId === id && event.type !== 'tools'),
        [],
      );
      await driver().delete(id);
    });

    test('an older generation, or a used one with another content, is stale_generation', async () => {
      const { id, spec } = await started({ generation: 5 });
      await refused(driver().put(id, { ...spec, generation: 4 }), 409, 'stale_generation');
      await refused(driver().put(id, { ...spec, vcpus: 2 }), 409, 'stale_generation');
      assert.equal((await driver().get(id)).generation, 5);
      await driver().delete(id);
    });

    test('what needs the machine off is needs_power_off while it runs, and changes nothing', async () => {
      const adapters = [harness.adapter(0)];
      const { id, spec, machine } = await started({ adapters });
      const next = { ...spec, generation: 2 };
      await refused(driver().put(id, { ...next, vcpus: 2 }), 409, 'needs_power_off');
      await refused(driver().put(id, { ...next, memoryMib: 128 }), 409, 'needs_power_off');
      await refused(driver().put(id, { ...next, disks: [] }), 409, 'needs_power_off');
      const now = await driver().get(id);
      assert.deepEqual(
        [now.generation, now.status, now.startedAt, now.adapters],
        [1, 'running', machine.startedAt, machine.adapters],
      );
      const off = await driver().put(id, { ...next, power: 'off', vcpus: 2, memoryMib: 128, adapters: [] });
      assert.deepEqual([off.generation, off.power, off.adapters], [2, 'off', []]);
      assert.equal(
        (await driver().put(id, { ...next, generation: 3, vcpus: 2, memoryMib: 128, adapters: [] })).power,
        'on',
      );
      await driver().delete(id);
    });

    test('a data disk and an adapter leave a running machine, or it says that it needs the power off', async () => {
      const data = await harness.disk(1);
      const { id, spec } = await started({ adapters: [harness.adapter(0)] });
      const full = { ...spec, generation: 2, disks: [...spec.disks, data] };
      await driver().put(id, full);
      const lighter = { ...spec, generation: 3, adapters: [] };
      const outcome = await driver()
        .put(id, lighter)
        .catch((error: unknown) => error);
      // A guest without an operating system never lets go.
      if (outcome instanceof AgentProblem) assert.equal(outcome.code, 'needs_power_off');
      else assert.deepEqual([(await driver().get(id)).disks.length, (await driver().get(id)).adapters], [1, []]);
      const off = await driver().put(id, { ...lighter, generation: 4, power: 'off', stopGraceSeconds: 0 });
      assert.deepEqual([off.power, off.disks.length, off.adapters], ['off', 1, []]);
      await driver().delete(id);
    });

    test('disks and adapters are plugged into a running machine', async () => {
      const { id, spec, machine } = await started();
      const disks = [...spec.disks, await harness.disk(1)];
      const adapters = [harness.adapter(0)];
      const changed = await driver().put(id, { ...spec, generation: 2, name: 'renamed', disks, adapters });
      assert.equal(changed.startedAt, machine.startedAt);
      assert.deepEqual(
        changed.disks,
        disks.map((disk) => disk.volumeId),
      );
      assert.deepEqual(
        changed.adapters,
        adapters.map((adapter) => adapter.adapterId),
      );
      await driver().delete(id);
    });

    test('TOL-05: a machine that was stopped is stopped by request and its tools are unknown', async () => {
      const { id, spec } = await started();
      const off = await driver().put(id, { ...spec, generation: 2, power: 'off' });
      assert.deepEqual(
        [off.power, off.status, off.stopCause, off.tools.state],
        ['off', 'stopped', 'requested', 'unknown'],
      );
      assert.ok(off.stoppedAt);
      assert.deepEqual(off.addresses, []);
      await refused(driver().reset(id), 409, 'not_running');
      assert.deepEqual(await driver().freeze(id, 5), { frozen: false });
      await driver().thaw(id);
      await driver().delete(id);
    });

    test('a machine can be made off and started later', async () => {
      const { id, spec, machine } = await started({ power: 'off' });
      assert.deepEqual([machine.power, machine.status, machine.startedAt], ['off', 'stopped', null]);
      assert.equal((await driver().put(id, { ...spec, generation: 2, power: 'on' })).status, 'running');
      await driver().reset(id);
      assert.equal((await driver().get(id)).status, 'running');
      await driver().delete(id);
    });

    test('a machine larger than the host is insufficient_memory and leaves nothing', async () => {
      const id = randomUUID();
      await refused(driver().put(id, { ...(await harness.spec()), memoryMib: 8192 }), 507, 'insufficient_memory');
      await refused(driver().get(id), 404, 'not_found');
    });

    test('calls for one machine take effect in order of arrival', async () => {
      const id = randomUUID();
      const spec = await harness.spec();
      const powers = ['on', 'off', 'on', 'off'] as const;
      const answers = await Promise.all(
        powers.map(async (power, index) => await driver().put(id, { ...spec, generation: index + 1, power })),
      );
      assert.deepEqual(
        answers.map((machine) => machine.power),
        powers,
      );
      await driver().delete(id);
    });

    test('events tell of start, stop and deletion, and a waiting reader gets them at once', async () => {
      const { last, epoch } = await eventsNow(driver());
      const waiting = driver().events({ after: last, waitMs: DEADLINE_MS, signal: AbortSignal.timeout(DEADLINE_MS) });
      const { id, spec } = await started();
      assert.equal((await waiting).events[0]?.type, 'started');
      await driver().put(id, { ...spec, generation: 2, power: 'off' });
      await driver().delete(id);
      const told = await eventsNow(driver(), last);
      assert.equal(told.epoch, epoch);
      const mine = told.events.filter(
        (event) => event.machineId === id && !['tools', 'addresses'].includes(event.type),
      );
      assert.deepEqual(
        mine.map((event) => event.type),
        ['started', 'stopped', 'deleted'],
      );
      assert.deepEqual(
        [mine[0]?.machine?.status, mine[1]?.machine?.stopCause, mine[2]?.machine],
        ['running', 'requested', undefined],
      );
      assert.ok(told.events.every((event, index) => event.id === last + index + 1));
    });

    test('a reader of events that hangs up is let go', async () => {
      const { last } = await eventsNow(driver());
      const given = AbortSignal.timeout(20);
      assert.deepEqual((await driver().events({ after: last, waitMs: DEADLINE_MS, signal: given })).events, []);
    });

    test('a running machine is deleted at once and a follower of its serial output is let go', async () => {
      const { id } = await started();
      const follower = await driver().serial(id, { offset: 0, follow: true, signal: AbortSignal.timeout(DEADLINE_MS) });
      const printed = text(follower.body);
      await driver().delete(id);
      assert.ok((await printed).length >= follower.end - follower.start);
      await refused(driver().get(id), 404, 'not_found');
      assert.ok(!(await driver().list()).some((each) => each.id === id));
    });

    test('serial offsets count from the beginning, and from the end when negative', async () => {
      const { id } = await started();
      const signal = AbortSignal.timeout(DEADLINE_MS);
      const follower = await driver().serial(id, { offset: 0, follow: true, signal });
      for await (const chunk of follower.body) if ((chunk as Buffer).length > 0) break;
      const all = await driver().serial(id, { offset: 0, follow: false, signal });
      const whole = await text(all.body);
      assert.equal(whole.length, all.end - all.start);
      const tail = await driver().serial(id, { offset: -3, follow: false, signal });
      assert.ok((await text(tail.body)).length <= 3);
      const beyond = await driver().serial(id, { offset: 1_000_000_000, follow: false, signal });
      assert.equal(await text(beyond.body), '');
      await driver().delete(id);
    });
  });
}

async function eventsNow(driver: HostDriver, since = 0): Promise<{ events: Event[]; last: number; epoch: string }> {
  return await driver.events({ after: since, waitMs: 0, signal: AbortSignal.timeout(DEADLINE_MS) });
}

async function refused(call: Promise<unknown>, status: number, code: string): Promise<void> {
  await assert.rejects(call, (error: unknown) => {
    assert.ok(error instanceof AgentProblem, `${String(error)} is no AgentProblem`);
    assert.deepEqual([error.status, error.code], [status, code]);
    assert.ok(error.message.length > 10, 'a message an operator can act on');
    return true;
  });
}
