import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { ensureTestImage } from '#images/locate.ts';
import type { KnownImage } from '#images/locate.ts';
import { ImageStore } from '#images/store.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { readLivePid } from '#libs/process/pid-file.ts';
import { CommandFailed, run } from '#libs/process/run.ts';
import { send } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { regionTag } from '#region/fabric.ts';
import { findLeftovers } from '#region/leftovers.ts';
import type { Leftover } from '#region/leftovers.ts';
import { StatePaths } from '#region/paths.ts';
import type { RegionReport } from '#region/status.ts';
import type { RegionSummary } from '#region/summary.ts';
import type { TopologyInput } from '#region/topology-file.ts';
import { Api } from './api.ts';
import { login, tokensOf } from './region-tokens.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const upTimeoutMs = 300_000;
const commandTimeoutMs = 180_000;

/** Why no region with real guests can run here, or null. */
export function missingForRegion(): string | null {
  if (process.platform !== 'linux') return 'needs Linux';
  if (process.getuid?.() !== 0) return 'needs root';
  const programs = ['qemu-system-x86_64', 'qemu-storage-daemon', 'ovs-vswitchd', 'ovn-northd', 'ip', 'xorrisofs'];
  const missing = programs.filter((program) => spawnSync(program, ['--version']).error !== undefined);
  return missing.length === 0 ? null : `needs ${missing.join(', ')}`;
}

/** A region that the product's own command runs, in a folder of its own, on free ports. */
export class ProductRegion {
  readonly dir: string;
  readonly stateDir: string;
  readonly paths: StatePaths;
  /** The file for `up --topology`. */
  readonly topologyFile: string;
  #summary: RegionSummary | null = null;

  /** Prepares the folder; nothing runs yet. */
  static async prepare(topology: TopologyInput): Promise<ProductRegion> {
    const dir = mkdtempSync(join(tmpdir(), 'bst-e2e-'));
    // The database and the guests run under other accounts and have to get to their folders inside.
    chmodSync(dir, 0o711);
    const [tenantPort, plainPort, providerPort] = await freePorts(3);
    const listen = { tenantPort, plainPort, providerPort };
    writeFileSync(join(dir, 'topology.json'), JSON.stringify({ ...topology, listen }));
    return new ProductRegion(dir);
  }

  private constructor(dir: string) {
    this.dir = dir;
    this.stateDir = join(dir, 's');
    this.paths = new StatePaths(this.stateDir);
    this.topologyFile = join(dir, 'topology.json');
  }

  /** How the region said it is reached. @throws when it was never up */
  get summary(): RegionSummary {
    if (this.#summary === null) throw new Error('the region was not started');
    return this.#summary;
  }

  get plainUrl(): string {
    const { plainUrl } = this.summary;
    if (plainUrl === null) throw new Error('the region has no plain listener');
    return plainUrl;
  }

  /** Puts an image into the region's store from the cache that all tests share, so that `up` has nothing to build. */
  async takeImage(name: KnownImage): Promise<void> {
    const { path: image, record, kernel, initramfs } = await ensureTestImage(name);
    const directBoot = kernel === undefined || initramfs === undefined ? {} : { kernel, initramfs };
    await new ImageStore(this.paths.images).adopt(record, { image, ...directBoot });
  }

  /** `./bastide up --detach --json`, which may be repeated. */
  async up(...options: string[]): Promise<RegionSummary> {
    const args = ['--detach', '--json', '--topology', this.topologyFile, ...options];
    this.#summary = JSON.parse(await this.bastide('up', ...args)) as RegionSummary;
    return this.#summary;
  }

  /** Runs a command of the product on this region and answers its standard output. @throws CommandFailed */
  async bastide(command: string, ...args: string[]): Promise<string> {
    const env = { ...process.env };
    for (const name of ['DATABASE_URL', 'BASTIDE_STATE', 'NODE_TEST_CONTEXT']) delete env[name];
    const timeoutMs = command === 'up' ? upTimeoutMs : commandTimeoutMs;
    return run([join(root, 'bastide'), command, '--state', this.stateDir, ...args], { timeoutMs, env });
  }

  async status(): Promise<RegionReport> {
    // Status 3 says that not all of it runs; the report is printed all the same.
    const printed = await this.bastide('status', '--json').catch((error: unknown) => {
      if (error instanceof CommandFailed && error.status === 3) return error.stdout;
      throw error;
    });
    return JSON.parse(printed) as RegionReport;
  }

  /** Findings of `./bastide check`. */
  async findings(): Promise<readonly string[]> {
    const printed = await this.bastide('check', '--json').catch((error: unknown) => {
      if (error instanceof CommandFailed && error.status === 1) return error.stdout;
      throw error;
    });
    return (JSON.parse(printed) as { findings: string[] }).findings;
  }

  /** Waits until the check finds nothing: removals that had to be repeated come to an end by themselves. @throws with what is left */
  async settled(timeoutMs = 60_000): Promise<void> {
    let last: readonly string[] = [];
    const clean = async (): Promise<boolean> => (last = await this.findings()).length === 0;
    await waitFor(clean, { what: 'the check to find nothing', timeoutMs, intervalMs: 1_000 }).catch(
      (cause: unknown) => {
        throw new Error(`after ${timeoutMs} ms the check still finds:\n${last.join('\n')}`, { cause });
      },
    );
  }

  /** The API as the owner of a tenant, counted over all organisations. */
  async tenant(index: number): Promise<Api> {
    const token = tokensOf(this.summary)[index];
    return new Api(this.plainUrl, await login(this.plainUrl, token));
  }

  /** QEMUs and storage daemons of this region. */
  leftovers(): Leftover[] {
    return findLeftovers(this.stateDir);
  }

  /** QEMU of one machine, or null. */
  qemuOf(machineId: string): Leftover | null {
    return (
      this.leftovers().find(({ program, argv }) => program !== 'qemu-storage-daemon' && argv.includes(machineId)) ??
      null
    );
  }

  /** Names of this region's network namespaces. */
  async namespaces(): Promise<string[]> {
    const listed = JSON.parse((await run(['ip', '-j', 'netns', 'list'])) || '[]') as { name: string }[];
    const prefix = `bst-${regionTag(this.stateDir)}-`;
    return listed.map(({ name }) => name).filter((name) => name.startsWith(prefix));
  }

  /** Kills one of the supervised processes with SIGKILL. */
  kill(name: string): ProcessIdentity {
    const identity = readLivePid(this.paths.pidOf(name));
    if (identity === null) throw new Error(`${name} does not run`);
    send(identity, 'SIGKILL');
    return identity;
  }

  /** What one query says, as the database's owner: it sees every tenant. */
  async query<T extends pg.QueryResultRow>(sql: string, values: readonly unknown[] = []): Promise<T[]> {
    const config = JSON.parse(readFileSync(this.paths.configOf('control-1'), 'utf8')) as { database: { url: string } };
    const client = new pg.Client({ connectionString: config.database.url });
    await client.connect();
    try {
      return (await client.query<T>(sql, [...values])).rows;
    } finally {
      await client.end();
    }
  }

  /** The end of every log, for a test that failed. */
  logTails(lines = 15): string {
    if (!existsSync(this.paths.logs)) return 'there are no logs';
    return readdirSync(this.paths.logs)
      .filter((name) => /^(control|host-|array-|supervisor|postgres)/.test(name))
      .map(
        (name) =>
          `--- ${name}\n${readFileSync(join(this.paths.logs, name), 'utf8').split('\n').slice(-lines).join('\n')}`,
      )
      .join('\n');
  }

  /** Ends everything and removes the folder (kept when BASTIDE_KEEP is set). */
  async remove(): Promise<void> {
    if (process.env['BASTIDE_KEEP'] !== undefined) return;
    if (existsSync(this.paths.stateFile)) await this.bastide('destroy', '--yes');
    rmSync(this.dir, { recursive: true, force: true });
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}
