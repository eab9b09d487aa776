import { seededRandom } from '#libs/simulation/random.ts';
import { arrayDriverContract } from '../driver-contract.ts';
import { SimulatedArray } from './simulated-array.ts';

arrayDriverContract(
  'simulated',
  ({ capacityBytes }) =>
    Promise.resolve(
      new SimulatedArray({
        id: '018f0000-0000-7000-8000-0000000000a0',
        name: 'a01',
        capacityBytes,
        latency: {},
        random: seededRandom(1, 'a01'),
        now: () => Date.now(),
        journal: null,
      }),
    ),
  { durable: false },
);
