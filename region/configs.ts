import { hostname } from 'node:os';
import { mkdirSync } from 'node:fs';
import { writeJsonAtomic } from '#libs/process/atomic-file.ts';
import type { CertificateStore, TlsFiles } from '#libs/tls/store.ts';
import { cgroupRoot } from './cgroups.ts';
import type { StatePaths } from './paths.ts';
import type { ControlPlaneReplica, RegionState } from './state.ts';
import { allArrays, allHosts } from './topology.ts';
import type { TopologyArray, TopologyHost, TopologyZone } from './topology.ts';
import type { SystemUser } from './users.ts';

/** Who runs guests and who runs storage daemons. */
export interface AgentAccounts {
  readonly vm: SystemUser;
  readonly san: SystemUser;
}

/** What configurations are made of, beside the state. */
export interface ConfigContext {
  readonly paths: StatePaths;
  readonly state: RegionState;
  readonly certificates: CertificateStore;
  readonly databaseUrl: string;
  /** Absent in a simulated region. */
  readonly accounts?: AgentAccounts;
  /** OVSDB remote of the OVN northbound database; absent in a simulated region. */
  readonly northbound?: string;
}

/** A configuration file that was written, and its content to tell whether the process must restart. */
export interface WrittenConfig {
  readonly file: string;
  readonly content: string;
}

/** Writes one control-plane replica's file. */
export async function writeControlConfig(context: ConfigContext, replica: ControlPlaneReplica): Promise<WrittenConfig> {
  const { state, paths } = context;
  const tls = await leaf(context, replica.name);
  const listener = (port: number): { host: string; port: number } => ({ host: state.listenAddress, port });
  return write(paths, replica.name, {
    name: replica.name,
    database: { url: context.databaseUrl },
    tls,
    jwtKeyFile: paths.tokenKey,
    listeners: {
      tenant: listener(replica.tenantPort),
      plain: replica.plainPort === null ? null : { host: '127.0.0.1', port: replica.plainPort },
      provider: listener(replica.providerPort),
    },
    agents: tls,
    network:
      context.northbound === undefined ? { driver: 'simulated' } : { driver: 'ovn', northbound: context.northbound },
    rateLimits: { enabled: true, exemptLoopback: true },
    imagesDir: paths.images,
    logLevel: 'info',
  });
}

/** Writes one host agent's file and makes its folders. */
export async function writeHostConfig(
  context: ConfigContext,
  zone: TopologyZone,
  host: TopologyHost,
): Promise<WrittenConfig> {
  const { paths, accounts } = context;
  if (!accounts) throw new Error('a host agent needs the account that guests run as');
  for (const folder of [paths.host(host.name), paths.hostRun(host.name)])
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  const name = `host-${host.name}`;
  return write(paths, name, {
    id: host.id,
    name: host.name,
    zone: zone.name,
    endpoint: host.endpoint,
    tls: await leaf(context, name),
    stateDir: paths.host(host.name),
    runDir: paths.hostRun(host.name),
    driver: 'qemu',
    memoryMib: host.memoryMib,
    qemu: {
      binary: '/usr/bin/qemu-system-x86_64',
      uid: accounts.vm.uid,
      gid: accounts.vm.gid,
      acceleratorCacheFile: `${paths.runtime}/accelerator.json`,
      probeKernel: null,
    },
    ovs: { dbSocket: `${paths.hostRun(host.name)}/ovs.sock`, bridge: 'br-int' },
    // Two regions of one machine must not share a branch of the cgroup tree.
    cgroupRoot: cgroupRoot(context.state.tag),
  });
}

/** Writes one array agent's file and makes its folders. */
export async function writeArrayConfig(context: ConfigContext, array: TopologyArray): Promise<WrittenConfig> {
  const { paths, accounts } = context;
  if (!accounts) throw new Error('an array agent needs the account that storage daemons run as');
  for (const folder of [paths.array(array.name), paths.arrayRun(array.name)])
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  const name = `array-${array.name}`;
  return write(paths, name, {
    id: array.id,
    name: array.name,
    endpoint: array.endpoint,
    tls: await leaf(context, name),
    stateDir: paths.array(array.name),
    runDir: paths.arrayRun(array.name),
    driver: 'qsd',
    capacityBytes: array.capacityBytes,
    keysDir: paths.poolKeys,
    qsd: {
      binary: '/usr/bin/qemu-storage-daemon',
      uid: accounts.san.uid,
      gid: accounts.san.gid,
      clientGid: accounts.vm.gid,
    },
  });
}

/** Writes the file of the process that simulates every host and array. */
export async function writeSimulatedConfig(context: ConfigContext): Promise<WrittenConfig> {
  const { paths, state } = context;
  const stateDir = `${paths.root}/simulated`;
  mkdirSync(stateDir, { recursive: true });
  return write(paths, 'simulated', {
    socket: paths.simulatedSocket,
    tls: await leaf(context, 'simulated'),
    hosts: allHosts(state.topology).map(({ host: { id, name, cores, memoryMib } }) => ({ id, name, cores, memoryMib })),
    arrays: allArrays(state.topology).map(({ array: { id, name, capacityBytes } }) => ({ id, name, capacityBytes })),
    stateDir,
    seed: 1,
  });
}

/** Writes what the seed reads besides the control plane's own configuration. */
export function writeTopology({ paths, state }: Pick<ConfigContext, 'paths' | 'state'>): WrittenConfig {
  return write(paths, 'topology', state.topology);
}

/** The certificate that the supervisor and the commands present to agents and control planes. */
export async function supervisorIdentity(certificates: CertificateStore): Promise<TlsFiles> {
  const { ca, cert, key } = await certificates.ensureLeaf({ commonName: 'supervisor' });
  return { ca, cert, key };
}

async function leaf({ certificates, state }: ConfigContext, commonName: string): Promise<TlsFiles> {
  const names = new Set(['localhost', '127.0.0.1', '::1', hostname()]);
  if (commonName.startsWith('control-') && !['0.0.0.0', '::'].includes(state.listenAddress))
    names.add(state.listenAddress);
  const { ca, cert, key } = await certificates.ensureLeaf({ commonName, names: [...names] });
  return { ca, cert, key };
}

function write(paths: StatePaths, name: string, config: object): WrittenConfig {
  const file = paths.configOf(name);
  mkdirSync(paths.config, { recursive: true, mode: 0o700 });
  writeJsonAtomic(file, config, { mode: 0o600 });
  return { file, content: JSON.stringify(config) };
}
