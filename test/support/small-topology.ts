import { resolveTopology } from '#region/topology.ts';
import type { Topology } from '#region/topology.ts';

/**
 * Three zones with four hosts of 8 cores and 8 GiB, pools of 512 GiB, two organisations. The endpoints lead nowhere: for tests that
 * only need the region to be registered.
 */
export function smallTopology(): Topology {
  const pools = (['standard', 'enterprise'] as const).map((storageClass) => ({ storageClass, sizeGib: 512 }));
  return resolveTopology(
    {
      host: { cores: 8, memoryMib: 8_192, overcommit: 4 },
      array: { capacityGib: 1_536, pools },
      organisations: [
        { name: 'Aster', tenants: ['production', 'staging'] },
        { name: 'Bellis', tenants: ['default'] },
      ],
    },
    {
      simulated: true,
      endpoints: {
        host: (name) => `unix:/nowhere.sock#/hosts/${name}`,
        array: (name) => `unix:/nowhere.sock#/arrays/${name}`,
      },
      previous: null,
    },
  );
}
