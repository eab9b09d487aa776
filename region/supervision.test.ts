import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { isAlive, identify } from '#libs/process/identity.ts';
import { readLivePid } from '#libs/process/pid-file.ts';
import { terminate } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { rotateLogs } from './log-rotation.ts';
import type { JobSpec, ProcessSpec, ServiceSpec } from './process-spec.ts';
import type { ProcessStatus } from './supervised.ts';
import { Supervision } from './supervision.ts';

/** A child that says it is up by a file of its name, and ends when told. */
const script = `
import { appendFileSync, writeFileSync } from 'node:fs';
const [folder, name, fault] = process.argv.slice(2);
if (fault === 'broken') { console.error('the disk is made of cheese'); process.exit(3); }
appendFileSync(folder + '/order', name + '\\n');
writeFileSync(folder + '/' + name + '.up', String(process.pid));
if (fault !== 'job') setInterval(() => undefined, 1e6);
`;

interface World {
  readonly folder: string;
  service(name: string, more?: Partial<ServiceSpec>): ServiceSpec;
  job(name: string, more?: Partial<JobSpec>): JobSpec;
  supervise(specs: readonly ProcessSpec[]): Promise<Supervision>;
  order(): string[];
}

function world(t: TestContext): World {
  const folder = mkdtempSync(join(tmpdir(), 'bst-sup-'));
  const child = join(folder, 'child.mjs');
  writeFileSync(child, script);
  const names = new Set<string>();
  const supervisions: Supervision[] = [];
  t.after(async () => {
    for (const supervision of supervisions) supervision.leave();
    for (const name of names) {
      const left = readLivePid(join(folder, `${name}.pid`));
      if (left) await terminate(left, { graceMs: 0 });
    }
    rmSync(folder, { recursive: true, force: true });
  });
  const common = (name: string, fault: string) => ({
    name,
    argv: [process.execPath, child, folder, name, fault] as const,
    dependsOn: [],
  });
  return {
    folder,
    service: (name, more = {}) => {
      names.add(name);
      return {
        ...common(name, ''),
        kind: 'service',
        ready: { kind: 'command', argv: ['test', '-e', join(folder, `${name}.up`)] },
        readyTimeoutMs: 20_000,
        stop: { graceMs: 2_000 },
        servesGuests: false,
        ...more,
      };
    },
    job: (name, more = {}) => ({ ...common(name, 'job'), kind: 'job', timeoutMs: 20_000, afterRespawn: true, ...more }),
    supervise: async (specs) => {
      const supervision = new Supervision({ run: folder, logs: folder });
      supervisions.push(supervision);
      await supervision.apply(specs);
      void supervision.run();
      return supervision;
    },
    order: () =>
      existsSync(join(folder, 'order')) ? readFileSync(join(folder, 'order'), 'utf8').trim().split('\n') : [],
  };
}

function find(supervision: Supervision, name: string): ProcessStatus {
  const status = supervision.status.find((process) => process.name === name);
  assert.ok(status, `${name} is supervised`);
  return status;
}

async function settled(supervision: Supervision): Promise<void> {
  await waitFor(() => supervision.status.every(({ phase }) => phase === 'ready' || phase === 'done'), {
    what: 'all processes',
    timeoutMs: 30_000,
    intervalMs: 20,
  });
}

test('processes start in the order of their dependencies; a killed one is started again, and with it what had set it up', async (t) => {
  const { service, job, supervise, order } = world(t);
  const supervision = await supervise([
    service('a'),
    job('setup', { dependsOn: ['a'] }),
    job('once', { dependsOn: ['a'], afterRespawn: false }),
    service('b', { dependsOn: ['setup', 'once'] }),
  ]);
  await settled(supervision);
  assert.equal(order()[0], 'a');
  assert.equal(order()[3], 'b');
  const before = find(supervision, 'a');
  assert.ok(before.pid !== null && before.tookMs !== null);
  process.kill(before.pid, 'SIGKILL');
  await waitFor(() => find(supervision, 'a').restarts === 1, { what: 'the end to be seen', timeoutMs: 5_000 });
  await waitFor(() => order().length >= 6, { what: 'the restart', timeoutMs: 20_000 });
  await settled(supervision);
  assert.deepEqual(order().slice(4), ['a', 'setup']);
  assert.notEqual(find(supervision, 'a').pid, before.pid);
  assert.match(find(supervision, 'a').lastError ?? '', /ended/);
});

test('a supervisor that follows a dead one adopts what runs, and restarts what is to run otherwise', async (t) => {
  const { service, supervise, order } = world(t);
  const specs = [service('a'), service('b')];
  const first = await supervise(specs);
  await settled(first);
  const pids = first.status.map(({ pid }) => pid);
  first.leave();

  const second = await supervise(specs);
  await settled(second);
  assert.deepEqual(
    second.status.map(({ pid }) => pid),
    pids,
  );
  assert.equal(order().length, 2, 'nothing was started again');
  second.leave();

  const third = await supervise([service('a'), service('b', { fingerprint: 'other configuration' })]);
  await settled(third);
  assert.equal(find(third, 'a').pid, pids[0]);
  assert.notEqual(find(third, 'b').pid, pids[1]);
  assert.equal(identify(pids[1] ?? 0), null, 'the old one was stopped');

  process.kill(find(third, 'a').pid ?? 0, 'SIGKILL');
  await waitFor(() => find(third, 'a').restarts === 1, {
    what: 'the end of an adopted process to be seen',
    timeoutMs: 5_000,
  });
  await settled(third);
});

test('what leaves the list is stopped, what joins it is started, the rest is left alone', async (t) => {
  const { folder, service, supervise } = world(t);
  const supervision = await supervise([service('a'), service('b', { dependsOn: ['a'] })]);
  await settled(supervision);
  const kept = find(supervision, 'a').pid;
  const gone = readLivePid(join(folder, 'b.pid'));
  assert.ok(gone);
  await supervision.apply([service('a'), service('c', { dependsOn: ['a'] })]);
  await settled(supervision);
  assert.equal(isAlive(gone), false);
  assert.deepEqual(
    supervision.status.map(({ name }) => name),
    ['a', 'c'],
  );
  assert.equal(find(supervision, 'a').pid, kept);
});

test('one that cannot start is tried again with a growing pause, says why, and holds back what depends on it', async (t) => {
  const { folder, service, supervise, order } = world(t);
  const broken = service('broken');
  const argv = [process.execPath, join(folder, 'child.mjs'), folder, 'broken', 'broken'] as const;
  const supervision = await supervise([{ ...broken, argv }, service('b', { dependsOn: ['broken'] })]);
  await waitFor(() => find(supervision, 'broken').restarts >= 2, { what: 'two failures', timeoutMs: 20_000 });
  assert.match(find(supervision, 'broken').lastError ?? '', /the disk is made of cheese/);
  assert.equal(find(supervision, 'b').phase, 'waiting');
  assert.deepEqual(order(), []);
});

test('a list whose order or names are wrong is refused', async () => {
  const supervision = new Supervision({ run: tmpdir(), logs: tmpdir() });
  const job: JobSpec = { kind: 'job', name: 'a', argv: ['true'], dependsOn: [], timeoutMs: 1_000, afterRespawn: false };
  await assert.rejects(supervision.apply([{ ...job, dependsOn: ['b'] }]), /a depends on b/);
  await assert.rejects(supervision.apply([job, job]), /two processes are named a/);
});

test('logs that have grown are put away while their writer goes on', (t) => {
  const { folder } = world(t);
  const log = join(folder, 'x.log');
  for (const content of ['first', 'second', 'third']) {
    writeFileSync(log, content.repeat(10));
    assert.deepEqual(rotateLogs(folder, { bytesMax: 20, keep: 2 }), ['x.log']);
  }
  assert.equal(readFileSync(log, 'utf8'), '');
  assert.match(readFileSync(`${log}.1`, 'utf8'), /^third/);
  assert.match(readFileSync(`${log}.2`, 'utf8'), /^second/);
  assert.equal(existsSync(`${log}.3`), false);
  assert.deepEqual(rotateLogs(folder, { bytesMax: 20, keep: 2 }), []);
});
