import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AgentRequest, AgentRoute } from '#libs/agent-http/route.ts';
import { withFaults } from './faults.ts';
import type { FaultPlan } from './faults.ts';
import { seededRandom } from './random.ts';

const request = (signal = new AbortController().signal): AgentRequest => {
  return { params: {}, query: {}, body: undefined, signal, requestId: 'r' };
};

function counted(plan: FaultPlan, seed = 1): { routes: AgentRoute[]; calls: () => number } {
  let calls = 0;
  const handler = (): Promise<{ status: number }> => {
    calls += 1;
    return Promise.resolve({ status: 200 });
  };
  const routes: AgentRoute[] = [
    { method: 'PUT', path: '/v1/things/:id', handler },
    { method: 'GET', path: '/v1/events', handler },
  ];
  return { routes: withFaults(routes, plan, seededRandom(seed, 'x')), calls: () => calls };
}

async function outcome(route: AgentRoute | undefined, signal?: AbortSignal): Promise<string> {
  try {
    const answer = await route?.handler(request(signal));
    return answer !== undefined && 'stream' in answer ? 'broken' : 'answered';
  } catch {
    return 'refused';
  }
}

test('error: refused before any work', async () => {
  const { routes, calls } = counted({ '*': { error: 1 } });
  assert.equal(await outcome(routes[0]), 'refused');
  assert.equal(calls(), 0);
});

test('drop and timeout: the work is done, the answer is not given', async () => {
  const dropping = counted({ 'PUT /v1/things/:id': { drop: 1 } });
  assert.equal(await outcome(dropping.routes[0]), 'broken');
  assert.equal(dropping.calls(), 1);
  const silent = counted({ '*': { timeout: 1 } });
  const caller = new AbortController();
  const waiting = outcome(silent.routes[0], caller.signal);
  caller.abort();
  assert.equal(await waiting, 'broken');
  assert.equal(silent.calls(), 1);
});

test('* spares event polls, and a seed gives the same faults again', async () => {
  const run = async (seed: number): Promise<string[]> => {
    const { routes } = counted({ '*': { error: 0.5 } }, seed);
    const seen: string[] = [];
    for (let count = 0; count < 30; count += 1) seen.push(await outcome(routes[0]));
    assert.equal(await outcome(routes[1]), 'answered');
    return seen;
  };
  const first = await run(3);
  assert.deepEqual(await run(3), first);
  assert.notDeepEqual(await run(4), first);
  assert.ok(first.includes('refused') && first.includes('answered'));
});
