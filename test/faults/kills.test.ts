/** Any process killed at any moment: afterwards everything has finished or is undone (design principle 2). */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkRegion } from '#control/check/service.ts';
import { Agents } from '#control/compute/agents.ts';
import { Database } from '#control/database/database.ts';
import { waitFor } from '#libs/process/wait.ts';
import { query } from '#test/support/agent-inventory.ts';
import { Api, machineRequest } from '#test/support/api.ts';
import { type SimulatedRegion, startSimulatedRegion } from '#test/support/region.ts';

const creates = 20;
/** Slow enough that a kill meets operations at every stage. */
const latency = {
  machineStartMs: [50, 400],
  volumeChangeMs: [20, 200],
  imageMs: [20, 100],
  guestBootMs: [200, 600],
} as const;

async function everythingEnds(region: SimulatedRegion): Promise<void> {
  await waitFor(
    async () => (await query(region, `select id from activities where state in ('waiting', 'running')`)).length === 0,
    { what: 'every activity to end', timeoutMs: 90_000, intervalMs: 200 },
  );
}

/** The consistency check of the product, from outside. */
async function findings(region: SimulatedRegion): Promise<string[]> {
  const database = new Database({ url: region.databaseUrl, tenantConnections: 1, platformConnections: 2 });
  const path = (name: string): string => `${region.dir}/tls/${name}`;
  const agents = new Agents(database, { ca: path('ca.pem'), cert: path('control-1.pem'), key: path('control-1.key') });
  try {
    return await checkRegion({ database, agents, network: null });
  } finally {
    agents.close();
    await database.close();
  }
}

async function nothingIsLost(region: SimulatedRegion, accepted: number): Promise<void> {
  await everythingEnds(region);
  // What could not be removed while an agent was away is removed by the collector.
  let last: string[] = [];
  await waitFor(async () => (last = await findings(region)).length === 0, {
    what: 'the check to find nothing',
    timeoutMs: 60_000,
    intervalMs: 500,
  }).catch(() => assert.deepEqual(last, []));
  const states = await query<{ state: string; count: number }>(
    region,
    'select state, count(*)::int as count from activities group by state order by 1',
  );
  assert.equal(
    states.reduce((sum, { count }) => sum + count, 0),
    accepted,
    'every accepted request has its activity',
  );
  const [row] = await query<{ machines: number; completed: number }>(
    region,
    `select (select count(*)::int from machines) as machines, (select count(*)::int from activities where state = 'completed') as completed`,
  );
  assert.equal(row?.machines, row?.completed, 'a machine for every completed create, none for a failed one');
}

/** Asks for 20 machines at once; requests that a kill cut off do not count unless they were accepted. */
async function createMany(region: SimulatedRegion, jwts: readonly string[]): Promise<void> {
  const apis = region.plainUrls.map((url, index) => new Api(url, jwts[index] ?? null));
  const [first] = apis;
  assert.ok(first);
  const request = await machineRequest(first, { name: '' });
  await Promise.allSettled(
    Array.from({ length: creates }, async (_, index) => {
      const api = apis[index % apis.length];
      return api?.call('POST', '/vm_instances/v1/virtual_machines', { ...request, name: `kill-${String(index)}` });
    }),
  );
}

async function openActivities(region: SimulatedRegion): Promise<number> {
  const [row] = await query<{ count: number }>(region, 'select count(*)::int as count from activities');
  return row?.count ?? 0;
}

for (const victim of ['control-1', 'simulated', 'postgres']) {
  test(`kill -9 of ${victim} during ${String(creates)} parallel creates on two replicas`, async (t) => {
    // A database that does not sync forgets what it had committed, and then nothing can be asked of anybody.
    const region = await startSimulatedRegion({ hosts: 6, replicas: 2, latency, durable: victim === 'postgres' });
    t.after(() => region.stop());
    const jwts = await Promise.all(region.plainUrls.map((url) => region.login(region.tokens[0], url)));
    const created = createMany(region, jwts);
    await waitFor(async () => (await openActivities(region)) >= 5, {
      what: 'some creates to be under way',
      timeoutMs: 30_000,
      intervalMs: 10,
    });
    await region.kill(victim);
    await region.restart(victim);
    await created;
    const accepted = await openActivities(region);
    assert.ok(accepted >= 5);
    await nothingIsLost(region, accepted);
  });
}

test('a replica that dies and stays dead: the other one takes up its operations', async (t) => {
  const region = await startSimulatedRegion({ hosts: 6, replicas: 2, latency });
  t.after(() => region.stop());
  const jwts = await Promise.all(region.plainUrls.map((url) => region.login(region.tokens[0], url)));
  await createMany(region, jwts);
  await region.kill('control-1');
  await everythingEnds(region);
  await nothingIsLost(region, await openActivities(region));
});
