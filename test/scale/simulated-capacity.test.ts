import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { SimulatedArray } from '#array-agent/simulated/simulated-array.ts';
import { SimulatedHost } from '#host-agent/simulated/simulated-host.ts';
import { seededRandom } from '#libs/simulation/random.ts';
import { systemTime, TimerQueue } from '#libs/simulation/timer-queue.ts';

const machines = 100_000;
const hostCount = 32;
const mib = 1024 ** 2;
const gib = 1024 ** 3;
/** What 100,000 machines may keep alive; with Node, the code and room for garbage the process stays below 400 MiB. */
const keptMaxMib = 220;

/** Live bytes after a full collection. */
function liveBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage().heapUsed;
}

test('100,000 machines with their volumes and events fit one process', async (t) => {
  const timers = new TimerQueue(systemTime);
  const before = liveBytes();
  const hosts = Array.from({ length: hostCount }, (_, index) => {
    return new SimulatedHost({
      ...{ id: randomUUID(), name: `h${index}`, cores: 1024, memoryMib: 4 * mib },
      ...{ latency: {}, random: seededRandom(1, `h${index}`), time: systemTime, timers, journal: null },
    });
  });
  const array = new SimulatedArray({
    ...{ id: randomUUID(), name: 'a', capacityBytes: 2 * machines * gib },
    ...{ latency: {}, random: seededRandom(1, 'a'), now: () => Date.now(), journal: null },
  });
  const poolId = randomUUID();
  await array.putPool(poolId, {
    storageClass: 'standard',
    sizeBytes: machines * gib,
    iopsLimit: null,
    encrypted: true,
  });
  for (let index = 0; index < machines; index += 1) {
    const volumeId = randomUUID();
    const adapterId = randomUUID();
    await array.putVolume(volumeId, { poolId, sizeBytes: gib });
    await hosts[index % hostCount]?.put(randomUUID(), {
      ...{ generation: 1, name: `vm-${index}`, power: 'on', vcpus: 1, memoryMib: 1024 },
      cpu: { policy: 'shared', weight: 100 },
      disks: [{ volumeId, position: 0, serial: volumeId.slice(0, 8), nbd: { export: volumeId } }],
      adapters: [{ adapterId, portName: adapterId, macAddress: '02:00:00:00:00:01', deviceIndex: 0 }],
      restart: { policy: 'on_crash' },
    });
  }
  const keptMib = (liveBytes() - before) / mib;
  t.diagnostic(`${keptMib.toFixed(0)} MiB are kept`);
  const held = await Promise.all(hosts.map((host) => host.host()));
  assert.equal(
    held.reduce((sum, host) => sum + host.machineCount, 0),
    machines,
  );
  assert.equal((await array.getPool(poolId)).volumeCount, machines);
  assert.ok(keptMib < keptMaxMib, `${keptMib.toFixed(0)} MiB are kept`);
  await Promise.all(hosts.map((host) => host.close()));
});
