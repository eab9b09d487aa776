import { randomUUID } from 'node:crypto';
import { seededRandom } from '#libs/simulation/random.ts';
import { systemTime, TimerQueue } from '#libs/simulation/timer-queue.ts';
import type { ContractHarness } from '../driver-contract.ts';
import { hostDriverContract } from '../driver-contract.ts';
import type { HostLatency } from './options.ts';
import { SimulatedHost } from './simulated-host.ts';

const quick: HostLatency = {
  machineStartMs: [1, 10],
  machineStopMs: [1, 3],
  guestBootMs: [5, 20],
  guestShutdownMs: [1, 5],
  hotPlugMs: [1, 3],
};

function harness(latency: HostLatency): ContractHarness {
  const driver = new SimulatedHost({
    id: randomUUID(),
    name: 'h01',
    cores: 4,
    memoryMib: 4096,
    latency,
    random: seededRandom(1, 'h01'),
    time: systemTime,
    timers: new TimerQueue(systemTime),
    journal: null,
  });
  const disk: ContractHarness['disk'] = (position) => {
    const volumeId = randomUUID();
    return Promise.resolve({
      volumeId,
      position,
      serial: `d${position}`,
      nbd: { socketPath: '/nowhere', export: volumeId },
    });
  };
  return {
    driver,
    disk,
    spec: async () => ({
      generation: 1,
      name: 'contract',
      power: 'on',
      stopGraceSeconds: 0,
      vcpus: 1,
      memoryMib: 64,
      cpu: { policy: 'shared', weight: 100 },
      disks: [await disk(0)],
      adapters: [],
      restart: { policy: 'never' },
    }),
    adapter: (deviceIndex) => {
      const adapterId = randomUUID();
      return { adapterId, portName: adapterId, macAddress: `02:00:00:00:00:0${deviceIndex}`, deviceIndex };
    },
    end: () => driver.close(),
  };
}

hostDriverContract('simulated, with latency', () => Promise.resolve(harness(quick)));
hostDriverContract('simulated, at once', () => Promise.resolve(harness({})));
