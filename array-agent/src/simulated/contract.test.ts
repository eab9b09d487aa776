import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { Journal } from '#libs/simulation/journal.ts';
import { seededRandom } from '#libs/simulation/random.ts';
import type { ArrayDriver } from '../driver.ts';
import { arrayDriverContract } from '../driver-contract.ts';
import type { DriverSetting } from '../driver-contract.ts';
import type { ArrayLatency } from './options.ts';
import { SimulatedArray } from './simulated-array.ts';

const quick: ArrayLatency = { volumeChangeMs: [0, 5], volumeDeleteMs: [0, 3], snapshotMs: [0, 5], imageMs: [0, 2] };

/** An array with a journal of its own, as the process that plays a region makes it. */
function recalled({ folder, capacityBytes }: DriverSetting, latency: ArrayLatency): Promise<ArrayDriver> {
  const journal = new Journal(join(folder, 'journal'));
  const array = new SimulatedArray({
    id: randomUUID(),
    name: 'a01',
    capacityBytes,
    latency,
    random: seededRandom(1, 'a01'),
    now: () => Date.now(),
    journal: journal.scope('a01'),
  });
  journal.replay(({ kind, id, value }) => array.restore(kind, id, value));
  journal.open(function* facts() {
    for (const fact of array.facts()) yield { scope: 'a01', ...fact };
  });
  array.resume();
  return Promise.resolve(array);
}

arrayDriverContract('simulated, with latency', (setting) => recalled(setting, quick));
arrayDriverContract('simulated, at once', (setting) => recalled(setting, {}));
