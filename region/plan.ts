import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TlsFiles } from '#libs/tls/store.ts';
import { codeVersion } from './code-version.ts';
import {
  writeArrayConfig,
  writeControlConfig,
  writeHostConfig,
  writeSimulatedConfig,
  writeTopology,
} from './configs.ts';
import type { ConfigContext, WrittenConfig } from './configs.ts';
import type { FabricPlan } from './fabric.ts';
import { prepareHostNetwork } from './host-network.ts';
import type { OvnCentral } from './ovn.ts';
import type { PreparedPostgres } from './postgres.ts';
import type { JobSpec, ProcessSpec, ServiceSpec } from './process-spec.ts';
import { allArrays, allHosts } from './topology.ts';

/** What the list of processes is made of. */
export interface PlanContext extends ConfigContext {
  /** What status probes present. */
  readonly identity: TlsFiles;
  /** `null` when DATABASE_URL names a server that is not ours. */
  readonly postgres: PreparedPostgres | null;
  readonly ovn?: OvnCentral;
  readonly fabric?: FabricPlan;
}

const repository = fileURLToPath(new URL('..', import.meta.url));

/** The processes of a region in the order of their dependencies; writes the configuration files they read. */
export async function buildPlan(context: PlanContext): Promise<ProcessSpec[]> {
  const database = context.postgres ? [postgresService(context, context.postgres)] : [];
  const agents = context.state.simulated ? [await simulatedService(context)] : await realServices(context);
  const after = {
    database: database.map(({ name }) => name),
    agents: agents.filter(({ kind }) => kind === 'service').map(({ name }) => name),
  };
  const first = context.state.controlPlanes[0];
  if (!first) throw new Error('a region has at least one control plane');
  const seed = await seedJob(context, await writeControlConfig(context, first), after.database);
  const controls = await Promise.all(
    context.state.controlPlanes.map(async (replica): Promise<ServiceSpec> => {
      const config = await writeControlConfig(context, replica);
      const ports = {
        tenant: String(replica.tenantPort),
        plain: String(replica.plainPort ?? 'off'),
        provider: String(replica.providerPort),
      };
      return nodeService(context, {
        name: replica.name,
        main: 'control-plane/src/main.ts',
        config,
        // Health is the provider's business: the tenant listener serves its contract and nothing else.
        endpoint: `https://${reachable(context.state.listenAddress)}:${replica.providerPort}`,
        dependsOn: [...after.database, seed.name, ...(context.ovn ? ['ovn-nb'] : [])],
        servesGuests: false,
        facts: ports,
      });
    }),
  );
  return [...database, ...agents, seed, ...controls];
}

function postgresService({ paths, state }: PlanContext, postgres: PreparedPostgres): ServiceSpec {
  return {
    kind: 'service',
    name: 'postgres',
    argv: postgres.argv,
    env: definedOnly(postgres.env),
    ...(postgres.runAs ?? {}),
    dependsOn: [],
    ready: { kind: 'postgres', url: postgres.url, database: 'bastide' },
    // A crash recovery replays up to max_wal_size.
    readyTimeoutMs: 120_000,
    // SIGINT is PostgreSQL's fast shutdown.
    stop: { signal: 'SIGINT', graceMs: 30_000 },
    servesGuests: false,
    facts: {
      socket: paths.postgresSocket,
      ...(state.databasePort === null ? {} : { port: String(state.databasePort) }),
    },
  };
}

async function simulatedService(context: PlanContext): Promise<ServiceSpec> {
  const config = await writeSimulatedConfig(context);
  const [first] = allHosts(context.state.topology);
  const endpoint = first?.host.endpoint ?? `unix:${context.paths.simulatedSocket}`;
  return nodeService(context, {
    name: 'simulated',
    main: 'region/simulated/main.ts',
    config,
    endpoint,
    dependsOn: [],
    servesGuests: true,
    facts: { socket: context.paths.simulatedSocket },
  });
}

async function realServices(context: PlanContext): Promise<ProcessSpec[]> {
  const { paths, state, ovn, fabric } = context;
  if (!ovn || !fabric || state.datapath === null) throw new Error('a real region needs OVN and a fabric');
  const { datapath } = state;
  const arrays = allArrays(state.topology).map(async ({ array }) =>
    nodeService(context, {
      name: `array-${array.name}`,
      main: 'array-agent/src/main.ts',
      config: await writeArrayConfig(context, array),
      endpoint: array.endpoint,
      dependsOn: [],
      servesGuests: false,
      facts: { endpoint: array.endpoint },
    }),
  );
  const hosts = allHosts(state.topology).map(async ({ zone, host }, index) => {
    const wire = fabric.hosts[index];
    if (!wire) throw new Error(`the fabric has no wire for ${host.name}`);
    const network = await prepareHostNetwork({
      host: host.name,
      namespace: wire.namespace,
      dir: `${paths.host(host.name)}/ovs`,
      runDir: paths.hostRun(host.name),
      underlay: wire.underlay,
      southbound: ovn.southbound,
      datapath,
      mtu: fabric.mtu,
      dependsOn: ['ovn-sb'],
    });
    const agent = nodeService(context, {
      name: `host-${host.name}`,
      main: 'host-agent/src/main.ts',
      config: await writeHostConfig(context, zone, host),
      endpoint: host.endpoint,
      // A guest that starts again with its host needs its disks.
      dependsOn: [`${host.name}-ovs-setup`, ...zone.arrays.map((array) => `array-${array.name}`)],
      servesGuests: false,
      netns: wire.namespace,
      facts: { endpoint: host.endpoint },
    });
    return [...network.specs, agent];
  });
  return [...ovn.specs, ...(await Promise.all(arrays)), ...(await Promise.all(hosts)).flat()];
}

async function seedJob(context: PlanContext, config: WrittenConfig, dependsOn: readonly string[]): Promise<JobSpec> {
  const topology = writeTopology(context);
  return {
    kind: 'job',
    name: 'seed',
    argv: [
      process.execPath,
      `${repository}control-plane/src/seed/main.ts`,
      '--config',
      config.file,
      '--topology',
      topology.file,
      '--secrets',
      context.paths.seedFile,
    ],
    cwd: repository,
    env: nodeEnvironment(context),
    dependsOn,
    timeoutMs: 120_000,
    afterRespawn: false,
  };
}

interface NodeServiceOptions {
  readonly name: string;
  /** Path in the repository. */
  readonly main: string;
  readonly config: WrittenConfig;
  readonly endpoint: string;
  readonly dependsOn: readonly string[];
  readonly servesGuests: boolean;
  readonly netns?: string;
  readonly facts: Readonly<Record<string, string>>;
}

function nodeService(context: PlanContext, options: NodeServiceOptions): ServiceSpec {
  const { config } = options;
  return {
    kind: 'service',
    name: options.name,
    argv: [process.execPath, `${repository}${options.main}`, '--config', config.file],
    cwd: repository,
    env: nodeEnvironment(context),
    ...(options.netns === undefined ? {} : { netns: options.netns }),
    dependsOn: options.dependsOn,
    ready: { kind: 'http', endpoint: options.endpoint, path: '/healthz', tls: context.identity },
    readyTimeoutMs: 60_000,
    stop: { graceMs: 8_000 },
    servesGuests: options.servesGuests,
    facts: options.facts,
    fingerprint: fingerprint(config),
  };
}

/** An unspecified address is where something listens, not where it can be reached. */
function reachable(address: string): string {
  return ['0.0.0.0', '::'].includes(address) ? '127.0.0.1' : address;
}

/** Changes with the code, the configuration and the certificate: each is read once, at the start. */
function fingerprint(config: WrittenConfig): string {
  const { tls } = JSON.parse(config.content) as { tls: { cert: string } };
  return createHash('sha256')
    .update(codeVersion())
    .update(config.content)
    .update(readFileSync(tls.cert))
    .digest('hex')
    .slice(0, 16);
}

function nodeEnvironment({ paths }: PlanContext): Record<string, string> {
  return {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    NODE_ENV: 'production',
    // Stripping the types of a few hundred files again at every start costs a second of a small machine.
    NODE_COMPILE_CACHE: `${paths.runtime}/compile-cache`,
  };
}

function definedOnly(env: NodeJS.ProcessEnv): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined));
}
