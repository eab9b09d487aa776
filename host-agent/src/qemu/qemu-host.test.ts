import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import type { Event, Machine, MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import { identify, isAlive } from '#libs/process/identity.ts';
import { waitFor } from '#libs/process/wait.ts';
import { tapName } from '../tap.ts';
import { machinePaths } from './machine-paths.ts';
import { QemuHost } from './qemu-host.ts';
import { adapterSpec, skipReason, specWith, TestHost } from './testing/test-host.ts';

const DEADLINE_MS = 30_000;
const skip = skipReason ?? false;

async function open(t: TestContext): Promise<{ host: TestHost; driver: QemuHost }> {
  const host = new TestHost();
  const driver = await QemuHost.open(host.config, host.log);
  t.after(async () => {
    // Another driver may have taken over meanwhile, so a fresh one clears up.
    await driver.close();
    const last = await QemuHost.open(host.config, host.log);
    for (const { id } of await last.list()) await last.delete(id);
    await last.close();
    await host.end();
  });
  return { host, driver };
}

async function until(driver: QemuHost, id: string, what: (machine: Machine) => boolean): Promise<Machine> {
  return await waitFor(
    async () => {
      const machine = await driver.get(id);
      return what(machine) ? machine : null;
    },
    { what: 'the machine to be as expected', timeoutMs: DEADLINE_MS, intervalMs: 10 },
  );
}

async function printed(driver: QemuHost, id: string, expected: string): Promise<void> {
  const slice = await driver.serial(id, { offset: 0, follow: true, signal: AbortSignal.timeout(DEADLINE_MS) });
  let all = '';
  for await (const chunk of slice.body) {
    all += String(chunk);
    if (all.includes(expected)) return;
  }
  assert.fail(`the guest printed ${JSON.stringify(all)}, not ${JSON.stringify(expected)}`);
}

async function eventTypes(driver: QemuHost, id: string): Promise<Event['type'][]> {
  const { events } = await driver.events({ after: 0, waitMs: 0, signal: AbortSignal.timeout(1000) });
  return events.filter((event) => event.machineId === id).map((event) => event.type);
}

function taps(): string[] {
  return readdirSync('/sys/class/net').filter((name) => name.startsWith('bt'));
}

test('a guest boots from its disk over NBD, unprivileged, sandboxed and in its control group', { skip }, async (t) => {
  const { host, driver } = await open(t);
  const id = randomUUID();
  const spec = specWith([await host.bootDisk('booted from nbd\r\n', 'halt')], {
    adapters: [adapterSpec(0)],
    cloudInit: { metaData: 'instance-id: one' },
  });
  const { pid } = await driver.put(id, spec);
  assert.ok(pid);
  await printed(driver, id, 'booted from nbd');
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  assert.match(status, new RegExp(`^Uid:\\s+${host.config.qemu.uid}\\s+${host.config.qemu.uid}\\s`, 'm'));
  assert.match(status, /^Groups:\s*$/m);
  assert.match(status, /^CapBnd:\s+0+$/m);
  assert.match(status, /^NoNewPrivs:\s+1$/m);
  assert.match(status, /^Seccomp:\s+2$/m);
  assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`/bastide-test/${host.config.id}/${id}`));
  const { folder, spec: specFile, seed, vnc } = machinePaths(id, host.config);
  assert.equal(statSync(folder).uid, 0);
  assert.ok(!readFileSync(specFile, 'utf8').includes('instance-id'), 'the seed is not kept twice');
  assert.equal(statSync(seed).uid, host.config.qemu.uid);
  assert.ok(statSync(vnc).isSocket());
});

test(
  'a guest that powers itself off is stopped, not crashed, and a repeated PUT leaves it off',
  { skip },
  async (t) => {
    const { host, driver } = await open(t);
    const id = randomUUID();
    const adapter = adapterSpec(0);
    const spec = specWith([await host.bootDisk('bye\r\n', 'poweroff')], {
      adapters: [adapter],
      restart: { policy: 'on_crash' },
    });
    await driver.put(id, spec);
    const off = await until(driver, id, (machine) => machine.power === 'off');
    assert.deepEqual([off.status, off.stopCause, off.restarts], ['stopped', 'guest', 0]);
    assert.equal((await driver.put(id, spec)).power, 'off');
    assert.deepEqual(await eventTypes(driver, id), ['started', 'stopped']);
    await waitFor(() => !taps().includes(tapName(adapter.adapterId)), {
      what: 'the tap to go',
      timeoutMs: DEADLINE_MS,
    });
  },
);

test('power off presses the power button and waits for the guest', { skip }, async (t) => {
  const { host, driver } = await open(t);
  const id = randomUUID();
  const spec = specWith([await host.bootDisk('listening\r\n', 'acpi')], { stopGraceSeconds: 30 });
  const { pid } = await driver.put(id, spec);
  await printed(driver, id, 'listening');
  const started = performance.now();
  const off = await driver.put(id, { ...spec, generation: 2, power: 'off' });
  assert.deepEqual([off.status, off.stopCause], ['stopped', 'requested']);
  assert.ok(performance.now() - started < 15_000, 'it did not wait for the whole grace time');
  assert.equal(identify(pid ?? 0), null);
});

test(
  'a guest that ignores the power button is killed after its grace time, and earlier when a PUT or DELETE hurries',
  { skip },
  async (t) => {
    const { host, driver } = await open(t);
    const id = randomUUID();
    const spec = specWith([await host.bootDisk('deaf\r\n', 'halt')], { stopGraceSeconds: 1 });
    await driver.put(id, spec);
    const started = performance.now();
    await driver.put(id, { ...spec, generation: 2, power: 'off' });
    assert.ok(performance.now() - started >= 1000);
    await driver.put(id, { ...spec, generation: 3, stopGraceSeconds: 600 });
    const patient = driver.put(id, { ...spec, generation: 4, power: 'off', stopGraceSeconds: 600 });
    await driver.put(id, { ...spec, generation: 5, power: 'off', stopGraceSeconds: 0 });
    assert.equal((await patient).power, 'off');
    await driver.put(id, { ...spec, generation: 6, stopGraceSeconds: 600 });
    const doomed = driver.put(id, { ...spec, generation: 7, power: 'off', stopGraceSeconds: 600 });
    await driver.delete(id);
    assert.equal((await doomed).power, 'off');
  },
);

test(
  'a QEMU that is killed is a crash: it is told, started again by policy, and left off when that fails too often',
  { skip },
  async (t) => {
    const { host, driver } = await open(t);
    const id = randomUUID();
    const spec = specWith([await host.bootDisk('again\r\n', 'halt')], {
      restart: { policy: 'on_crash', maxPerHour: 1 },
      adapters: [adapterSpec(0)],
    });
    const first = await driver.put(id, spec);
    process.kill(first.pid ?? 0, 'SIGKILL');
    const second = await until(driver, id, (machine) => machine.power === 'on' && machine.pid !== first.pid);
    assert.deepEqual([second.status, second.restarts], ['running', 1]);
    process.kill(second.pid ?? 0, 'SIGKILL');
    const off = await until(driver, id, (machine) => machine.power === 'off');
    assert.deepEqual([off.status, off.stopCause], ['crashed', 'crash']);
    assert.deepEqual(await eventTypes(driver, id), ['started', 'crashed', 'restarted', 'crashed']);
    assert.equal((await driver.put(id, spec)).status, 'crashed');
    assert.equal((await driver.put(id, { ...spec, generation: 2, power: 'off' })).status, 'stopped');
  },
);

test('an agent that starts again takes over what runs and tells what ended meanwhile', { skip }, async (t) => {
  const { host, driver } = await open(t);
  const [runs, crashes, leaves] = [randomUUID(), randomUUID(), randomUUID()];
  const spec = specWith([await host.bootDisk('still here\r\n', 'acpi')], { adapters: [adapterSpec(0)] });
  const before = await driver.put(runs, spec);
  const { pid: victim } = await driver.put(crashes, specWith([await host.bootDisk('x', 'halt')]));
  const { pid: leaver } = await driver.put(leaves, specWith([await host.bootDisk('listening\r\n', 'acpi')]));
  await printed(driver, leaves, 'listening');
  const { epoch } = await driver.events({ after: 0, waitMs: 0, signal: AbortSignal.timeout(1000) });
  await driver.close();
  assert.ok(victim && leaver);
  process.kill(victim, 'SIGKILL');
  await waitFor(() => identify(victim) === null, { what: 'the victim to end', timeoutMs: DEADLINE_MS });
  await pressPowerButton(machinePaths(leaves, host.config).qmp);

  const next = await QemuHost.open(host.config, host.log);
  t.after(async () => await next.close());
  const after = await next.get(runs);
  assert.deepEqual(
    [after.pid, after.status, after.startedAt, after.generation],
    [before.pid, 'running', before.startedAt, 1],
  );
  assert.deepEqual([after.disks, after.adapters], [before.disks, before.adapters]);
  const crashed = await next.get(crashes);
  assert.deepEqual([crashed.status, crashed.stopCause], ['crashed', 'crash']);
  const left = await until(next, leaves, (machine) => machine.power === 'off');
  assert.deepEqual([left.status, left.stopCause], ['stopped', 'guest']);
  assert.notEqual((await next.events({ after: 0, waitMs: 0, signal: AbortSignal.timeout(1000) })).epoch, epoch);
  assert.equal((await next.put(runs, spec)).pid, before.pid);
  const plugged = await next.put(runs, { ...spec, generation: 2, disks: [...spec.disks, await host.dataDisk(1)] });
  assert.deepEqual([plugged.pid, plugged.disks.length], [before.pid, 2]);
  const off = await next.put(runs, { ...spec, generation: 3, power: 'off', stopGraceSeconds: 20 });
  assert.deepEqual([off.stopCause, identify(before.pid ?? 0)], ['requested', null]);
});

test('an agent that starts again clears what was left half-done', { skip }, async (t) => {
  const { host, driver } = await open(t);
  const [half, orphan] = [randomUUID(), randomUUID()];
  const adapter = adapterSpec(0);
  const { pid } = await driver.put(orphan, specWith([await host.bootDisk('x', 'halt')], { adapters: [adapter] }));
  await driver.close();
  const identity = identify(pid ?? 0);
  assert.ok(identity);
  execFileSync('rm', ['-r', machinePaths(orphan, host.config).folder]);
  mkdirSync(machinePaths(half, host.config).guestFolder, { recursive: true });
  const group = `/sys/fs/cgroup/cpu/bastide-test/${host.config.id}`;
  if (existsSync(group)) mkdirSync(join(group, half));
  const next = await QemuHost.open(host.config, host.log);
  t.after(async () => await next.close());
  assert.deepEqual(await next.list(), []);
  assert.ok(!isAlive(identity));
  assert.ok(!existsSync(join(group, half)));
  assert.ok(!existsSync(machinePaths(half, host.config).folder));
  assert.ok(!taps().includes(tapName(adapter.adapterId)));
});

test("a create that fails says why in QEMU's words and leaves nothing", { skip }, async (t) => {
  const { host, driver } = await open(t);
  const id = randomUUID();
  const adapter = adapterSpec(0);
  const disk = await host.bootDisk('x', 'halt');
  const lost = { ...disk, nbd: { socketPath: join(host.root, 'nobody'), export: 'disk' } };
  await assert.rejects(driver.put(id, specWith([lost], { adapters: [adapter] })), (error: unknown) => {
    assert.ok(error instanceof AgentProblem);
    assert.equal(error.code, 'start_failed');
    assert.match(error.message, /nobody/);
    return true;
  });
  await assert.rejects(driver.get(id), { code: 'not_found' });
  const paths = machinePaths(id, host.config);
  assert.ok(!existsSync(paths.folder) && !existsSync(paths.runFolder));
  assert.ok(!taps().includes(tapName(adapter.adapterId)));
  assert.ok(!existsSync(`/sys/fs/cgroup/cpu/bastide-test/${host.config.id}/${id}`));
  assert.equal((await driver.host()).memoryUsedMib, 0);
});

test(
  'a disk that cannot be plugged leaves the running machine as it was, and the PUT can be repeated',
  { skip },
  async (t) => {
    const { host, driver } = await open(t);
    const id = randomUUID();
    const spec = specWith([await host.bootDisk('x', 'halt')]);
    const { pid } = await driver.put(id, spec);
    const disk = await host.dataDisk(1);
    const lost = { ...disk, nbd: { ...disk.nbd, export: 'another' } };
    const wanted = { ...spec, generation: 2, disks: [...spec.disks, lost] };
    await assert.rejects(driver.put(id, wanted), AgentProblem);
    await assert.rejects(driver.put(id, wanted), AgentProblem);
    assert.deepEqual((await driver.get(id)).disks, [spec.disks[0]?.volumeId]);
    const plugged = await driver.put(id, { ...spec, generation: 3, disks: [...spec.disks, disk] });
    assert.deepEqual([plugged.disks.length, plugged.pid], [2, pid]);
  },
);

test('a spec that no schema can refuse is invalid_spec', { skip }, async (t) => {
  const { host, driver } = await open(t);
  const disk = await host.bootDisk('x', 'halt');
  const bad: Partial<MachineSpec>[] = [
    { disks: [disk, { ...disk, volumeId: randomUUID(), serial: 'other' }] },
    { disks: [{ ...disk, nbd: { host: '192.0.2.1', port: 10809, export: 'disk' } }] },
    { adapters: [adapterSpec(0), adapterSpec(0)] },
    { adapters: [{ ...adapterSpec(0), macAddress: '01:00:5e:00:00:01' }] },
  ];
  for (const change of bad)
    await assert.rejects(driver.put(randomUUID(), { ...specWith([disk]), ...change }), {
      status: 422,
      code: 'invalid_spec',
    });
  assert.deepEqual(await driver.list(), []);
});

test('a deletion removes the process, the taps, the group and the folders', { skip }, async (t) => {
  const { host, driver } = await open(t);
  const id = randomUUID();
  const adapters = [adapterSpec(0), adapterSpec(1)];
  const { pid } = await driver.put(
    id,
    specWith([await host.bootDisk('x', 'halt')], { adapters, cloudInit: { metaData: 'instance-id: x' } }),
  );
  assert.ok(taps().includes(tapName(adapters[1]?.adapterId ?? '')));
  await driver.delete(id);
  assert.equal(identify(pid ?? 0), null);
  const paths = machinePaths(id, host.config);
  for (const path of [paths.folder, paths.runFolder, `/sys/fs/cgroup/cpu/bastide-test/${host.config.id}/${id}`])
    assert.ok(!existsSync(path), path);
  for (const { adapterId } of adapters) assert.ok(!taps().includes(tapName(adapterId)));
});

async function pressPowerButton(qmpPath: string): Promise<void> {
  const { QmpClient } = await import('#libs/qmp/client.ts');
  const qmp = await QmpClient.connect(qmpPath, { timeoutMs: 5_000 });
  const off = new Promise<void>((resolve) => {
    qmp.on('event', ({ event }) => {
      if (event === 'SHUTDOWN') resolve();
    });
  });
  await qmp.execute('system_powerdown');
  await off;
  qmp.close();
}

test(
  'a crashed machine whose storage is away is tried until the storage is back',
  { skip, timeout: 60_000 },
  async (t) => {
    const { host, driver } = await open(t);
    const id = randomUUID();
    const disk = await host.bootDisk('again\r\n', 'halt');
    const { socketPath = '' } = disk.nbd;
    const { pid } = await driver.put(id, specWith([disk], { restart: { policy: 'on_crash', maxPerHour: 1 } }));
    renameSync(socketPath, `${socketPath}.away`);
    process.kill(pid ?? 0, 'SIGKILL');
    const tried = await until(driver, id, ({ stopDetail }) => stopDetail?.includes('QEMU did not start') === true);
    assert.deepEqual([tried.status, tried.restarts], ['crashed', 0]);
    renameSync(`${socketPath}.away`, socketPath);
    const back = await until(driver, id, ({ power }) => power === 'on');
    assert.deepEqual([back.status, back.restarts, back.stopDetail], ['running', 1, null]);
  },
);

test(
  'a full state folder is insufficient_storage; nothing is left and what runs goes on',
  { skip, timeout: 60_000 },
  async (t) => {
    const { host, driver } = await open(t);
    const [runs, fails] = [randomUUID(), randomUUID()];
    const spec = specWith([await host.bootDisk('x', 'halt')]);
    await driver.put(runs, spec);
    await driver.close();
    const machines = join(host.config.stateDir, 'machines');
    const saved = join(host.root, 'saved');
    execFileSync('cp', ['-a', machines, saved]);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k,mode=0711', 'tmpfs', machines]);
    try {
      execFileSync('cp', ['-a', `${saved}/.`, machines]);
      const full = await QemuHost.open(host.config, host.log);
      assert.throws(() => writeFileSync(join(machines, 'filler'), Buffer.alloc(256 * 1024)), { code: 'ENOSPC' });
      const refusal = { status: 507, code: 'insufficient_storage' };
      await assert.rejects(full.put(fails, { ...spec, cloudInit: { metaData: 'x' } }), refusal);
      await assert.rejects(full.get(fails), { code: 'not_found' });
      assert.ok(!existsSync(machinePaths(fails, host.config).folder));
      await assert.rejects(full.put(runs, { ...spec, generation: 2, name: 'renamed' }), refusal);
      assert.equal((await full.get(runs)).status, 'running');
      rmSync(join(machines, 'filler'));
      assert.equal((await full.put(runs, { ...spec, generation: 3, name: 'renamed' })).generation, 3);
      await full.delete(runs);
      await full.close();
    } finally {
      execFileSync('umount', ['--lazy', machines]);
    }
  },
);
