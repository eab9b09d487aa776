import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import { Cgroups, hierarchies } from '../cgroup.ts';
import { allocateCores, sharedCores } from './core-allocator.ts';
import { HostResources } from './host-resources.ts';
import { recentRestarts, restartDelay, retryDelay } from './restart-policy.ts';

test('pinned cores are never given twice and one always stays shared', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 64 }), fc.array(fc.integer({ min: 1, max: 16 })), (cores, wishes) => {
      const held: number[][] = [];
      for (const wish of wishes) {
        const given = allocateCores(cores, held, wish);
        if (given === null) continue;
        assert.equal(given.length, wish);
        held.push(given);
      }
      const all = held.flat();
      assert.equal(new Set(all).size, all.length);
      assert.ok(all.every((core) => core >= 0 && core < cores));
      const shared = sharedCores(cores, held);
      assert.ok(shared.length >= 1);
      assert.equal(shared.length + all.length, cores);
    }),
  );
});

test('memory is not oversold, and a machine that grows counts once', () => {
  const resources = new HostResources({
    cgroups: new Cgroups('unused', { v2: null, v1: new Map() }),
    cores: 4,
    memoryMib: 1024,
  });
  const wanted = { vcpus: 1, memoryMib: 600, cpu: { policy: 'shared' } } as const;
  resources.take('a', wanted);
  assert.throws(
    () => resources.take('b', wanted),
    (error) => error instanceof AgentProblem && error.status === 507,
  );
  resources.take('a', { ...wanted, memoryMib: 1024 });
  assert.equal(resources.memoryUsedMib, 1024);
  resources.take('b', wanted, { adopted: true });
  resources.release('a');
  assert.equal(resources.memoryUsedMib, 600);
});

test('a dedicated machine without enough free cores runs shared, and operators are told', () => {
  const resources = new HostResources({
    cgroups: new Cgroups('unused', { v2: null, v1: new Map() }),
    cores: 2,
    memoryMib: 1024,
  });
  const wanted = { vcpus: 1, memoryMib: 64, cpu: { policy: 'dedicated' } } as const;
  resources.take('a', wanted);
  const before = resources.problems().length;
  resources.take('b', wanted);
  assert.equal(resources.problems().length, before + 1);
  assert.match(resources.problems().at(-1) ?? '', /machine b wants 1 dedicated cores/);
  resources.release('b');
  assert.equal(resources.problems().length, before);
});

test('cgroup v2 is taken when it has the cpu controller, else v1', () => {
  const mounts = [
    'cgroup /sys/fs/cgroup/cpu,cpuacct cgroup rw,cpu,cpuacct 0 0',
    'cgroup /sys/fs/cgroup/memory cgroup rw,memory 0 0',
    'cgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0',
  ].join('\n');
  assert.deepEqual(hierarchies(mounts, () => true).v2, '/sys/fs/cgroup/unified');
  const v1 = hierarchies(mounts, () => false);
  assert.equal(v1.v2, null);
  assert.deepEqual(
    [...v1.v1],
    [
      ['cpu', '/sys/fs/cgroup/cpu,cpuacct'],
      ['memory', '/sys/fs/cgroup/memory'],
    ],
  );
});

test('restarts back off, and stop after too many in an hour', () => {
  const policy = { policy: 'on_crash', maxPerHour: 3 } as const;
  const now = 10_000_000;
  assert.deepEqual(
    [0, 1, 2, 3].map((count) =>
      restartDelay(
        policy,
        Array.from({ length: count }, () => now - 1000),
        now,
      ),
    ),
    [500, 1000, 2000, null],
  );
  assert.equal(restartDelay({ policy: 'never' }, [], now), null);
  assert.equal(restartDelay(policy, [1, 2, 3, 4], now), 500);
  assert.deepEqual(recentRestarts([now - 3_600_000, now - 1], now), [now - 1]);
});

test('starts that come to nothing are tried again for about an hour, ever more slowly', () => {
  const waits = Array.from({ length: 200 }, (_, failed) => retryDelay(failed)).filter((wait) => wait !== null);
  assert.deepEqual(waits.slice(0, 8), [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  const hours = waits.reduce((sum, wait) => sum + wait, 0) / 3_600_000;
  assert.ok(hours > 0.9 && hours < 1.1);
});
