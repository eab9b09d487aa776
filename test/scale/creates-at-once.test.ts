import assert from 'node:assert/strict';
import { test } from 'node:test';
import { waitFor } from '#libs/process/wait.ts';
import { query, takeInventory, wrongSums } from '#test/support/agent-inventory.ts';
import type { SimulatedRegion } from '#test/support/region.ts';
import { startSimulatedRegion } from '#test/support/region.ts';
import { runScenario } from '../../bench/load-generator.ts';
import type { Outcome } from '../../bench/load-generator.ts';

const shape = { hosts: 8, coresPerHost: 256, memoryMibPerHost: 1024 * 1024 };

async function createAtOnce(region: SimulatedRegion, count: number): Promise<Outcome> {
  const target = { baseUrl: region.plainUrl, token: await region.login() };
  return await runScenario(target, { kind: 'create', count, concurrency: count, follow: 'wait', prefix: 'at-once' });
}

/** What is left to do after the last activity ended (removals that had to be repeated) comes to an end too. */
async function settled(region: SimulatedRegion): Promise<void> {
  const open = await query(region, `select id, state from activities where state in ('waiting', 'running')`);
  assert.deepEqual(open, [], 'every activity is terminal');
  const difference = async (): Promise<string[]> => {
    const { agents, database } = await takeInventory(region);
    return [
      ...agents.filter((line) => !database.includes(line)).map((line) => `orphan: ${line}`),
      ...database.filter((line) => !agents.includes(line)).map((line) => `missing: ${line}`),
    ];
  };
  let last: string[] = [];
  await waitFor(async () => (last = await difference()).length === 0, {
    what: 'the agents to hold what the database says',
    timeoutMs: 90_000,
    intervalMs: 1000,
  }).catch((error: unknown) => {
    assert.deepEqual(last.slice(0, 10), [], error instanceof Error ? error.message : 'not settled');
  });
  assert.deepEqual(await wrongSums(region), []);
}

test('1,000 creates at once: none stuck, all running, the database equals the agents', async (t) => {
  const region = await startSimulatedRegion(shape);
  t.after(() => region.stop());
  const { ids, errors } = await createAtOnce(region, 1000);
  assert.deepEqual(errors, []);
  assert.equal(new Set(ids).size, 1000);
  const states = await query<{ status: string; count: number }>(
    region,
    'select status, count(*)::int as count from machines group by status',
  );
  assert.deepEqual(states, [{ status: 'running', count: 1000 }]);
  await settled(region);
});

test('200 creates at once with faulty agents: every activity ends, what failed leaves nothing behind', async (t) => {
  const faults = {
    'PUT /v1/machines/:machineId': { error: 0.05, drop: 0.05 },
    'PUT /v1/volumes/:volumeId': { error: 0.05, drop: 0.05 },
    'DELETE /v1/volumes/:volumeId': { error: 0.2 },
  };
  const region = await startSimulatedRegion({ ...shape, faults, seed: 11 });
  t.after(() => region.stop());
  const { ids, errors } = await createAtOnce(region, 200);
  assert.equal(ids.length + errors.length, 200);
  assert.deepEqual(
    errors.filter((error) => !error.includes(' failed: ')),
    [],
    'the only way to fail is an activity that says why',
  );
  const [{ count } = { count: 0 }] = await query<{ count: number }>(
    region,
    'select count(*)::int as count from machines',
  );
  assert.equal(count, ids.length);
  await settled(region);
});
