import { randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { CertificateStore } from '#libs/tls/store.ts';
import type { TlsFiles } from '#libs/tls/store.ts';
import type { Topology } from '#region/topology.ts';
import type { SimulatedRegionConfig } from '#region/simulated/config.ts';

/** How large a simulated region is and how it behaves. */
export interface RegionShape {
  /** All hosts together, dealt out to three zones in turn. */
  readonly hosts: number;
  readonly coresPerHost: number;
  readonly memoryMibPerHost: number;
  /** Size of every pool; each zone has one array with one pool per storage class. */
  readonly poolGib: number;
  readonly latency: SimulatedRegionConfig['latency'];
  readonly faults: SimulatedRegionConfig['faults'] | undefined;
  readonly seed: number;
}

const gib = 1024 ** 3;
const zones = [
  { name: 'fr1-az01', code: 'AZ05', site: 'PAR7S' },
  { name: 'fr1-az02', code: 'AZ06', site: 'TH3S' },
  { name: 'fr1-az03', code: 'AZ07', site: 'DATA4' },
] as const;

/** A process that stands for hosts or arrays: its name, its main file and the content of its configuration file. */
export interface AgentProcess {
  readonly name: string;
  readonly main: string;
  readonly config: object;
}

/** The topology file (seed) and the agents that belong to it. */
export interface SimulatedLayout {
  readonly topology: Topology;
  readonly hosts: SimulatedRegionConfig['hosts'];
  readonly arrays: SimulatedRegionConfig['arrays'];
}

/** Three zones as `up` makes them, all agents behind one socket. */
export function layOut(shape: RegionShape, socket: string): SimulatedLayout {
  const hosts: SimulatedRegionConfig['hosts'][number][] = [];
  const arrays: SimulatedRegionConfig['arrays'][number][] = [];
  const laidOut = zones.map((zone, index) => {
    const count = Math.floor(shape.hosts / zones.length) + (index < shape.hosts % zones.length ? 1 : 0);
    const zoneHosts = Array.from({ length: count }, (_, number) => {
      const name = `${zone.name}-h${String(number + 1).padStart(2, '0')}`;
      const host = { id: randomUUID(), name, cores: shape.coresPerHost, memoryMib: shape.memoryMibPerHost };
      hosts.push(host);
      return { ...host, overcommit: 4, endpoint: `unix:${socket}#/hosts/${name}` };
    });
    const name = `${zone.name}-a01`;
    const array = { id: randomUUID(), name, capacityBytes: 2 * shape.poolGib * gib };
    arrays.push(array);
    const pools = (['standard', 'enterprise'] as const).map((storageClass) => {
      return {
        id: randomUUID(),
        name: `${name}-${storageClass}`,
        storageClass,
        sizeGib: shape.poolGib,
        encrypted: true,
      };
    });
    return {
      id: randomUUID(),
      ...zone,
      hosts: zoneHosts,
      arrays: [{ ...array, endpoint: `unix:${socket}#/arrays/${name}`, pools }],
    };
  });
  const region = { id: randomUUID(), name: 'fr1', description: 'Test region', countryCode: 'FR', geography: 'Europe' };
  const organisations = [
    { name: 'Aster', tenants: ['production', 'staging'] },
    { name: 'Bellis', tenants: ['default'] },
  ];
  return { topology: { region, zones: laidOut, organisations }, hosts, arrays };
}

/** All agents of such a region in one process. */
export function simulatedAgents(
  dir: string,
  tls: ReadonlyMap<string, TlsFiles>,
  shape: RegionShape,
): { topology: Topology; processes: AgentProcess[] } {
  const socket = join(dir, 'simulated.sock');
  const { topology, hosts, arrays } = layOut(shape, socket);
  const { latency, seed, faults } = shape;
  const config = {
    socket,
    tls: tls.get('simulated'),
    hosts,
    arrays,
    stateDir: join(dir, 'simulated'),
    latency,
    seed,
    faults,
  };
  return {
    topology,
    processes: [{ name: 'simulated', main: 'region/simulated/main.ts', config }],
  };
}

/** The certificates of a throw-away region, by process name. */
export async function certify(dir: string, names: readonly string[]): Promise<Map<string, TlsFiles>> {
  const store = await CertificateStore.open(join(dir, 'tls'), join(dir, 'secrets'), 'Bastide test');
  const leaves = new Map<string, TlsFiles>();
  for (const name of names) {
    const leaf = await store.ensureLeaf({ commonName: name, names: ['127.0.0.1', 'localhost'] });
    leaves.set(name, { ca: leaf.ca, cert: leaf.cert, key: leaf.key });
  }
  return leaves;
}

/** Random key material in a file of its own. */
export function writeSecret(file: string): void {
  writeFileSync(file, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600 });
}

/** TCP ports on loopback that were free a moment ago. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  const ports: number[] = [];
  for (const server of servers) {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(0, '127.0.0.1', resolve);
    });
    ports.push((server.address() as AddressInfo).port);
  }
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
