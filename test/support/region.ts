import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { isAlive } from '#libs/process/identity.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { run } from '#libs/process/run.ts';
import { send, terminate } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import type { TlsFiles } from '#libs/tls/store.ts';
import { startPostgres } from '#region/postgres.ts';
import type { RunningPostgres } from '#region/postgres.ts';
import { ensureSimulatedCatalogue } from '#region/simulated/catalogue.ts';
import type { Topology } from '#region/topology.ts';
import { ManagedProcess } from './managed-process.ts';
import { emptyAgents, realAgents } from './real-agents.ts';
import type { RealAgentsOptions } from './real-agents.ts';
import { login, tokensOf } from './region-tokens.ts';
import type { Secrets, TenantToken } from './region-tokens.ts';
import { certify, freePorts, simulatedAgents, writeSecret } from './region-files.ts';
import type { AgentProcess, RegionShape } from './region-files.ts';

export type { TenantToken } from './region-tokens.ts';

/** Size and behaviour of the region, and what is particular to a test. Everything has a default. */
export interface SimulatedRegionOptions extends Partial<RegionShape> {
  /** Control planes on the one database: `control-1`, `control-2`, …; one unless given. */
  readonly replicas?: number;
  /** Whether PostgreSQL syncs its log to disk: true for measurements, false (the default) for tests. */
  readonly durable?: boolean;
  /** Whether answers are checked against the contract: true (the default) for tests, false for measurements. */
  readonly validateResponses?: boolean;
  /** Arguments of the Node that runs the control planes, such as `--cpu-prof`. */
  readonly nodeArgs?: readonly string[];
  /** Off unless given (API-05). */
  readonly rateLimits?: boolean;
  /** One real host and one real array in place of the simulated ones (root, QEMU); the shape above does not matter then. */
  readonly real?: RealAgentsOptions & { readonly imagesDir: string };
  /** More than any test needs unless given. */
  readonly quota?: { readonly vcpus: number; readonly ramMb: number; readonly storageGb: number };
}

/** A whole region with simulated drivers in a folder of its own. */
export interface SimulatedRegion {
  /** HTTPS, of the first control plane. */
  readonly apiUrl: string;
  /** Plain HTTP on loopback, of the first control plane. */
  readonly plainUrl: string;
  /** Plain HTTP of every control plane in order. */
  readonly plainUrls: readonly string[];
  readonly providerUrl: string;
  readonly caFile: string;
  readonly databaseUrl: string;
  /** One owner token per tenant, in the order of the topology. */
  readonly tokens: readonly TenantToken[];
  readonly providerToken: { readonly id: string; readonly secret: string };
  readonly dir: string;
  /** Where the simulated agents remember; to be changed only while `simulated` does not run. */
  readonly journalDir: string;
  /** Logs in and answers the JWT. */
  login(token?: TenantToken, plainUrl?: string): Promise<string>;
  /** Process ids by name (`postgres`, `simulated`, `control-1`, …); what does not run is left out. */
  processes(): Map<string, number>;
  /** Ends one process (SIGKILL unless told) and waits until it is gone. */
  kill(name: string, signal?: NodeJS.Signals): Promise<void>;
  /** Starts a process that was killed, or ends and starts one that runs; resolves when it is ready. */
  restart(name: string): Promise<void>;
  /** Ends everything and removes the folder (kept when BASTIDE_KEEP is set). */
  stop(): Promise<void>;
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const ample = { vcpus: 10_000_000, ramMb: 10_000_000_000, storageGb: 1_000_000_000 };

/** Starts PostgreSQL, the simulated agents and the control planes, and answers when all of them serve. */
export async function startSimulatedRegion(options: SimulatedRegionOptions = {}): Promise<SimulatedRegion> {
  const dir = mkdtempSync(join(tmpdir(), 'bst-'));
  // The database runs under another account and has to get to its own folder inside.
  chmodSync(dir, 0o711);
  const parts = new RegionParts(dir, options);
  try {
    // A test or bench that is interrupted takes its database along; see ManagedProcess for the rest.
    process.once('exit', () => parts.abandon());
    await parts.start();
    return parts.region();
  } catch (error) {
    await parts.stop();
    throw error;
  }
}

class RegionParts {
  readonly #dir: string;
  readonly #options: SimulatedRegionOptions;
  readonly #nodes = new Map<string, ManagedProcess>();
  #postgres: RunningPostgres | null = null;
  #ports: number[] = [];
  #secrets: Secrets | null = null;
  #emptyReal: (() => Promise<void>) | null = null;

  constructor(dir: string, options: SimulatedRegionOptions) {
    this.#dir = dir;
    this.#options = options;
  }

  async start(): Promise<void> {
    const { replicas = 1 } = this.#options;
    const names = Array.from({ length: replicas }, (_, index) => `control-${index + 1}`);
    const [ports, tls] = await Promise.all([
      freePorts(3 * replicas),
      certify(this.#dir, ['simulated', 'host', 'array', ...names]),
      this.#startPostgres(),
    ]);
    this.#ports = ports;
    writeSecret(this.#path('secrets/jwt.key'));
    const { topology, processes } = await this.#agents(tls);
    const caller = tls.get('control-1');
    if (this.#options.real !== undefined && caller !== undefined) this.#emptyReal = () => emptyAgents(topology, caller);
    this.#write('topology.json', topology);
    for (const { name, main, config } of processes) this.#add(name, main, config);
    for (const [index, name] of names.entries()) {
      this.#add(name, 'control-plane/src/main.ts', this.#controlConfig(name, index, tls.get(name)));
    }
    await this.#seed();
    await this.#raiseQuota();
    await Promise.all(processes.map(({ name }) => this.#node(name).start()));
    await Promise.all(names.map((name) => this.#node(name).start()));
  }

  region(): SimulatedRegion {
    const url = (port: number | undefined, scheme: string): string => `${scheme}://127.0.0.1:${port ?? 0}`;
    const replicas = this.#options.replicas ?? 1;
    const plainUrls = Array.from({ length: replicas }, (_, index) => url(this.#ports[3 * index + 1], 'http'));
    const secrets = this.#secrets;
    if (secrets === null) throw new Error('the region was not seeded');
    const tokens = tokensOf(secrets);
    return {
      apiUrl: url(this.#ports[0], 'https'),
      plainUrl: url(this.#ports[1], 'http'),
      plainUrls,
      providerUrl: url(this.#ports[2], 'https'),
      caFile: this.#path('tls/ca.pem'),
      databaseUrl: this.#databaseUrl(),
      tokens,
      providerToken: secrets.providerToken,
      dir: this.#dir,
      journalDir: this.#path('simulated'),
      login: (token, plainUrl) => login(plainUrl ?? url(this.#ports[1], 'http'), token ?? tokens[0]),
      processes: () => this.#processes(),
      kill: (name, signal = 'SIGKILL') => this.#kill(name, signal),
      restart: async (name) => {
        await this.#kill(name, 'SIGTERM');
        await (name === 'postgres' ? this.#startPostgres() : this.#node(name).start());
      },
      stop: () => this.stop(),
    };
  }

  /** When there is no time left to stop in order. */
  abandon(): void {
    if (this.#postgres !== null) send(this.#postgres.process, 'SIGQUIT');
  }

  async stop(): Promise<void> {
    // The control planes first: they would log the loss of all the others.
    const nodes = [...this.#nodes.values()].toReversed();
    for (const node of nodes.filter(({ name }) => name.startsWith('control-'))) await node.end('SIGTERM');
    if (this.#emptyReal !== null) await this.#emptyReal().catch(() => undefined);
    for (const node of nodes) await node.end('SIGTERM');
    await this.#postgres?.stop();
    if (process.env['BASTIDE_KEEP'] === undefined) rmSync(this.#dir, { recursive: true, force: true });
  }

  async #agents(tls: ReadonlyMap<string, TlsFiles>): Promise<{ topology: Topology; processes: AgentProcess[] }> {
    const { real } = this.#options;
    if (real !== undefined) return await realAgents(this.#dir, tls, real);
    ensureSimulatedCatalogue(this.#path('images'));
    return simulatedAgents(this.#dir, tls, this.#shape());
  }

  #shape(): RegionShape {
    const { hosts = 4, coresPerHost = 64, memoryMibPerHost = 512 * 1024, poolGib = 100_000 } = this.#options;
    const { latency = 'none', faults, seed = 1 } = this.#options;
    return { hosts, coresPerHost, memoryMibPerHost, poolGib, latency, faults, seed };
  }

  #controlConfig(name: string, index: number, tls: unknown): object {
    const [tenant, plain, provider] = this.#ports.slice(3 * index);
    const host = '127.0.0.1';
    return {
      name,
      database: { url: this.#databaseUrl() },
      tls,
      jwtKeyFile: this.#path('secrets/jwt.key'),
      listeners: { tenant: { host, port: tenant }, plain: { host, port: plain }, provider: { host, port: provider } },
      agents: tls,
      network: { driver: 'simulated' },
      rateLimits: { enabled: this.#options.rateLimits ?? false, exemptLoopback: false },
      imagesDir: this.#options.real?.imagesDir ?? this.#path('images'),
      logLevel: 'info',
      validateResponses: this.#options.validateResponses ?? true,
    };
  }

  async #startPostgres(): Promise<void> {
    const start = (): Promise<RunningPostgres> =>
      startPostgres({ dir: join(this.#dir, 'pg'), durable: this.#options.durable ?? false });
    // After a kill −9 the backends of the last server may still hold its shared memory for a moment.
    this.#postgres = await waitFor(() => start().catch(() => null), {
      what: 'PostgreSQL to start',
      timeoutMs: 60_000,
      intervalMs: 200,
    });
  }

  async #seed(): Promise<void> {
    const secretsFile = this.#path('secrets/seed.json');
    const args = [
      '--config',
      this.#path('control-1.json'),
      '--topology',
      this.#path('topology.json'),
      '--secrets',
      secretsFile,
    ];
    await runToEnd(['control-plane/src/seed/main.ts', ...args], this.#path('seed.log'));
    this.#secrets = JSON.parse(readFileSync(secretsFile, 'utf8')) as Secrets;
  }

  async #raiseQuota(): Promise<void> {
    const { vcpus, ramMb, storageGb } = this.#options.quota ?? ample;
    const client = new pg.Client({ connectionString: this.#databaseUrl() });
    await client.connect();
    try {
      await client.query('update quotas set vcpu_limit = $1, ram_limit_mb = $2, storage_limit_gb = $3', [
        vcpus,
        ramMb,
        storageGb,
      ]);
    } finally {
      await client.end();
    }
  }

  #processes(): Map<string, number> {
    const running = new Map<string, number>();
    if (this.#postgres !== null && isAlive(this.#postgres.process)) running.set('postgres', this.#postgres.process.pid);
    for (const [name, node] of this.#nodes) if (node.pid !== null) running.set(name, node.pid);
    return running;
  }

  async #kill(name: string, signal: NodeJS.Signals): Promise<void> {
    if (name !== 'postgres') {
      await this.#node(name).end(signal);
      return;
    }
    const identity = this.#postgres?.process;
    if (identity === undefined) return;
    if (signal === 'SIGKILL') await killNow(identity);
    else await terminate(identity, { signal: 'SIGINT', graceMs: 20_000 });
  }

  #databaseUrl(): string {
    if (this.#postgres === null) throw new Error('PostgreSQL was not started');
    return this.#postgres.url;
  }

  #node(name: string): ManagedProcess {
    const node = this.#nodes.get(name);
    if (node === undefined) throw new RangeError(`no process is named ${name}`);
    return node;
  }

  #add(name: string, main: string, config: object): void {
    this.#write(`${name}.json`, config);
    const nodeArgs = name.startsWith('control-') ? (this.#options.nodeArgs ?? []) : [];
    const args = [...nodeArgs, join(root, main), '--config', this.#path(`${name}.json`)];
    this.#nodes.set(name, new ManagedProcess({ name, args, logFile: this.#path(`${name}.log`) }));
  }

  #write(file: string, content: object): void {
    writeFileSync(this.#path(file), JSON.stringify(content, null, 1), { mode: 0o600 });
  }

  #path(file: string): string {
    return join(this.#dir, file);
  }
}

async function runToEnd([main, ...args]: readonly [string, ...string[]], logFile: string): Promise<void> {
  const printed = await run([process.execPath, join(root, main), ...args], { timeoutMs: 120_000 });
  writeFileSync(logFile, printed, { mode: 0o600 });
}

async function killNow(identity: ProcessIdentity): Promise<void> {
  send(identity, 'SIGKILL');
  await waitFor(() => !isAlive(identity), { what: 'PostgreSQL to be gone', timeoutMs: 10_000, intervalMs: 10 });
}
