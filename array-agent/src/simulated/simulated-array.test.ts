import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import { seededRandom } from '#libs/simulation/random.ts';
import type { SimulatedArrayOptions } from './options.ts';
import { SimulatedArray } from './simulated-array.ts';

const gib = 1024 ** 3;
const poolId = '018f0000-0000-7000-8000-0000000000b0';

function array(options: Partial<SimulatedArrayOptions> = {}): SimulatedArray {
  return new SimulatedArray({
    id: '018f0000-0000-7000-8000-0000000000a0',
    name: 'a01',
    capacityBytes: 100 * gib,
    latency: {},
    random: seededRandom(1, 'a01'),
    now: () => 0,
    journal: null,
    ...options,
  });
}

const pool = { storageClass: 'standard', sizeBytes: 10 * gib, iopsLimit: 15, encrypted: true };
const refusal = (code: string) => (error: unknown) => error instanceof AgentProblem && error.code === code;

test('STO-13: parallel creates never allocate more than the pool', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 20 }), async (sizes) => {
      const driver = array({ latency: { volumeChangeMs: [0, 1] } });
      await driver.putPool(poolId, pool);
      const made = await Promise.allSettled(
        sizes.map((size, index) => driver.putVolume(`volume-${index}`, { poolId, sizeBytes: size * gib })),
      );
      const { allocatedBytes, volumeCount } = await driver.getPool(poolId);
      assert.ok(allocatedBytes <= pool.sizeBytes);
      assert.equal(volumeCount, made.filter(({ status }) => status === 'fulfilled').length);
    }),
    { numRuns: 30 },
  );
});

test('STO-13: pools never promise more than the array holds', async () => {
  const driver = array();
  await driver.putPool(poolId, { ...pool, sizeBytes: 60 * gib });
  await assert.rejects(driver.putPool('other', { ...pool, sizeBytes: 50 * gib }), refusal('insufficient_space'));
  await driver.putPool(poolId, { ...pool, sizeBytes: 50 * gib });
  await driver.putPool('other', { ...pool, sizeBytes: 50 * gib });
});

test('what was journalled is taken back as it was, with all sums', async () => {
  const facts = new Map<string, { kind: string; id: string; value: unknown }>();
  const journal = {
    put: (kind: string, id: string, value: unknown) =>
      void facts.set(`${kind} ${id}`, { kind, id, value: JSON.parse(JSON.stringify(value)) }),
    remove: (kind: string, id: string) => void facts.delete(`${kind} ${id}`),
  };
  const before = array({ journal });
  await before.putPool(poolId, pool);
  await before.putImage('image', { sourcePath: '/nowhere', format: 'qcow2', sha256: '0'.repeat(64) });
  await before.putVolume('v1', { poolId, sizeBytes: 2 * gib, imageId: 'image' });
  await before.putVolume('v2', { poolId, sizeBytes: 3 * gib });
  await before.putVolume('v3', { poolId, sizeBytes: gib });
  await before.putSnapshot('s1', ['v1', 'v2']);
  await before.deleteVolume('v3');
  await before.deleteVolume('v2');
  const after = array();
  for (const { kind, id, value } of facts.values()) after.restore(kind, id, value);
  after.resume();
  assert.deepEqual(await after.listPools(), await before.listPools());
  assert.deepEqual(await after.listVolumes(), await before.listVolumes());
  assert.deepEqual(await after.getSnapshot('s1'), await before.getSnapshot('s1'));
  await assert.rejects(after.deleteImage('image'), refusal('image_in_use'));
});
