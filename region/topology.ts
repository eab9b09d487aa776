import { randomUUIDv7 } from 'node:crypto';
import { availableParallelism, totalmem } from 'node:os';
import { checkUniqueness } from './topology-rules.ts';
import type { ArrayInput, HostInput, TopologyInput, ZoneInput } from './topology-file.ts';

/** A region with nothing left to decide: what the seed registers and what the supervisor runs. Ids never change. */
export interface Topology {
  readonly region: {
    readonly id: string;
    readonly name: string;
    readonly description: string;
    readonly countryCode: string;
    readonly geography: string;
  };
  readonly zones: readonly TopologyZone[];
  readonly organisations: readonly { readonly name: string; readonly tenants: readonly string[] }[];
}
export interface TopologyZone {
  readonly id: string;
  readonly name: string;
  readonly code: string;
  readonly site: string;
  readonly hosts: readonly TopologyHost[];
  readonly arrays: readonly TopologyArray[];
}
export interface TopologyHost {
  readonly id: string;
  readonly name: string;
  readonly cores: number;
  readonly memoryMib: number;
  readonly overcommit: number;
  readonly endpoint: string;
}
export interface TopologyArray {
  readonly id: string;
  readonly name: string;
  readonly endpoint: string;
  readonly capacityBytes: number;
  readonly pools: readonly TopologyPool[];
}
export interface TopologyPool {
  readonly id: string;
  readonly name: string;
  readonly storageClass: string;
  readonly sizeGib: number;
  readonly encrypted: boolean;
}

/** Where the agents of a name are reached. */
export interface EndpointScheme {
  host(name: string): string;
  array(name: string): string;
}

/** What {@link resolveTopology} goes by. */
export interface ResolveOptions {
  readonly simulated: boolean;
  readonly endpoints: EndpointScheme;
  /** The topology of an earlier `up`: what has the same name keeps its id. */
  readonly previous: Topology | null;
}

// REG-04: one region on three sites; REG-06: ids of its zones.
const defaultZones: readonly ZoneInput[] = [
  { name: 'fr1-az01', code: 'AZ05', site: 'PAR7S', hosts: 2 },
  { name: 'fr1-az02', code: 'AZ06', site: 'TH3S', hosts: 1 },
  { name: 'fr1-az03', code: 'AZ07', site: 'DATA4', hosts: 1 },
];
const defaultOrganisations = [
  { name: 'Acme', tenants: ['Production', 'Staging'] },
  { name: 'Globex', tenants: ['Default'] },
];
// STO-08 ties the IOPS of a pool to its size: a pool as small as a laptop's disk would allow but a handful.
const defaultArray = {
  capacityGib: 1536,
  pools: [
    { storageClass: 'standard', sizeGib: 1024 },
    { storageClass: 'enterprise', sizeGib: 512 },
  ],
} satisfies ArrayInput;
const gib = 1024 ** 3;

/**
 * Fills in the defaults and gives ids.
 * @throws TopologyError when two things have one name or a pool does not fit its array
 */
export function resolveTopology(input: TopologyInput, options: ResolveOptions): Topology {
  const ids = knownIds(options.previous);
  const idOf = (kind: string, name: string): string => ids.get(`${kind} ${name}`) ?? randomUUIDv7();
  const zones = input.zones ?? defaultZones;
  const hostCount = zones.reduce((sum, zone) => sum + (zone.hosts ?? 1), 0);
  const name = input.region?.name ?? 'fr1';
  const topology: Topology = {
    region: {
      id: idOf('region', name),
      name,
      description: input.region?.description ?? 'Paris area',
      countryCode: input.region?.countryCode ?? 'FR',
      geography: input.region?.geography ?? 'Europe',
    },
    zones: zones.map((zone) => ({
      id: idOf('zone', zone.name),
      name: zone.name,
      code: zone.code,
      site: zone.site,
      hosts: Array.from({ length: zone.hosts ?? 1 }, (_, index): TopologyHost => {
        const hostName = `${zone.name}-h${String(index + 1).padStart(2, '0')}`;
        const size = { ...defaultHost(options.simulated, hostCount), ...input.host, ...zone.host };
        return { id: idOf('host', hostName), name: hostName, ...size, endpoint: options.endpoints.host(hostName) };
      }),
      arrays: [
        resolveArray(zone, { ...defaultArray, ...input.array, ...zone.array }, { idOf, endpoints: options.endpoints }),
      ],
    })),
    organisations: input.organisations ?? defaultOrganisations,
  };
  checkUniqueness(topology);
  return topology;
}

/** Every host of a topology, with its zone. */
export function allHosts(topology: Topology): readonly { readonly zone: TopologyZone; readonly host: TopologyHost }[] {
  return topology.zones.flatMap((zone) => zone.hosts.map((host) => ({ zone, host })));
}

/** Every array of a topology, with its zone. */
export function allArrays(
  topology: Topology,
): readonly { readonly zone: TopologyZone; readonly array: TopologyArray }[] {
  return topology.zones.flatMap((zone) => zone.arrays.map((array) => ({ zone, array })));
}

function resolveArray(
  zone: ZoneInput,
  input: Required<ArrayInput>,
  context: { idOf: (kind: string, name: string) => string; endpoints: EndpointScheme },
): TopologyArray {
  const name = `${zone.name}-a01`;
  return {
    id: context.idOf('array', name),
    name,
    endpoint: context.endpoints.array(name),
    capacityBytes: input.capacityGib * gib,
    pools: input.pools.map(({ storageClass, sizeGib, encrypted }) => {
      const poolName = `${name}-${storageClass}`;
      return {
        id: context.idOf('pool', poolName),
        name: poolName,
        storageClass,
        sizeGib,
        encrypted: encrypted ?? true,
      };
    }),
  };
}

function defaultHost(simulated: boolean, hostCount: number): Required<HostInput> {
  if (simulated) return { cores: 64, memoryMib: 512 * 1024, overcommit: 4 };
  // Seven tenths of the machine for guests, in steps of 256 MiB; the rest runs the region.
  const share = (totalmem() * 0.7) / hostCount / 1024 ** 2;
  return { cores: availableParallelism(), memoryMib: Math.max(512, Math.floor(share / 256) * 256), overcommit: 4 };
}

function knownIds(previous: Topology | null): Map<string, string> {
  const ids = new Map<string, string>();
  if (!previous) return ids;
  ids.set(`region ${previous.region.name}`, previous.region.id);
  for (const zone of previous.zones) {
    ids.set(`zone ${zone.name}`, zone.id);
    for (const host of zone.hosts) ids.set(`host ${host.name}`, host.id);
    for (const array of zone.arrays) {
      ids.set(`array ${array.name}`, array.id);
      for (const pool of array.pools) ids.set(`pool ${pool.name}`, pool.id);
    }
  }
  return ids;
}
