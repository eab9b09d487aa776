import assert from 'node:assert/strict';
import { test } from 'node:test';
import { networkDriverContract, sampleNetwork, samplePort } from './contract.ts';
import { createNetworkDriver } from './create.ts';
import { NetworkUnavailable } from './driver.ts';
import { SimulatedNetworkDriver } from './simulated.ts';

networkDriverContract('simulated', () => Promise.resolve(new SimulatedNetworkDriver()));

test('simulated: faults follow from the seed', async () => {
  const run = async (): Promise<string> => {
    const driver = new SimulatedNetworkDriver({ seed: 7, faults: { putNetwork: { error: 0.3, drop: 0.3 } } });
    let outcomes = '';
    for (let turn = 0; turn < 50; turn++)
      outcomes += await driver.putNetwork(sampleNetwork()).then(
        () => '.',
        () => 'x',
      );
    return outcomes;
  };
  const outcomes = await run();
  assert.match(outcomes, /x/);
  assert.match(outcomes, /\./);
  assert.equal(await run(), outcomes);
});

test('simulated: a lost answer leaves the work done, an error leaves nothing', async () => {
  const network = sampleNetwork();
  const dropping = new SimulatedNetworkDriver({ faults: { putNetwork: { drop: 1 } } });
  await assert.rejects(dropping.putNetwork(network), NetworkUnavailable);
  assert.deepEqual((await dropping.inventory()).networks, [network.id]);
  const failing = new SimulatedNetworkDriver({ faults: { '*': { error: 1 }, inventory: {} } });
  await assert.rejects(failing.putNetwork(network), NetworkUnavailable);
  assert.deepEqual((await failing.inventory()).networks, []);
});

test('simulated: a control-plane process takes ports of networks that another one put', async () => {
  const driver = createNetworkDriver({ driver: 'simulated' });
  const port = samplePort(sampleNetwork(), 0);
  await driver.putPort(port);
  assert.equal(await driver.waitPortBound(port.id, 10), true);
});
