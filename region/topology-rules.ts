import { TopologyError } from './topology-file.ts';
import type { Topology } from './topology.ts';

const gib = 1024 ** 3;

/** What a schema cannot say: names are unique, pools fit their array. @throws TopologyError with one line per fault */
export function checkUniqueness(topology: Topology): void {
  const faults = [
    ...doubles(topology.zones.map((zone) => zone.name)).map((name) => `two zones are named ${name}`),
    ...doubles(topology.organisations.map((organisation) => organisation.name)).map(
      (name) => `two organisations are named ${name}`,
    ),
    ...topology.organisations.flatMap((organisation) =>
      doubles(organisation.tenants).map(
        (tenant) => `organisation ${organisation.name} has two tenants named ${tenant}`,
      ),
    ),
    ...topology.zones.flatMap((zone) => zone.arrays.flatMap(arrayFaults)),
  ];
  if (faults.length > 0) throw new TopologyError(faults.join('\n'));
}

function arrayFaults(array: Topology['zones'][number]['arrays'][number]): string[] {
  const ordered = array.pools.reduce((sum, pool) => sum + pool.sizeGib, 0);
  const capacity = array.capacityBytes / gib;
  return [
    ...doubles(array.pools.map((pool) => pool.storageClass)).map(
      (name) => `array ${array.name} has two pools of class ${name}`,
    ),
    // STO-13: what is ordered is there.
    ...(ordered > capacity
      ? [`the pools of array ${array.name} add up to ${ordered} GiB, it holds ${capacity} GiB`]
      : []),
  ];
}

function doubles(names: readonly string[]): string[] {
  return [...new Set(names.filter((name, index) => names.indexOf(name) !== index))];
}
