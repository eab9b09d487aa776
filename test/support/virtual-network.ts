import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { run } from '#libs/process/run.ts';
import { terminate } from '#libs/process/terminate.ts';
import { ensureFabric, planFabric, regionTag, removeFabric } from '#region/fabric.ts';
import { detectDatapath, prepareHostNetwork } from '#region/host-network.ts';
import { prepareOvnCentral } from '#region/ovn.ts';
import type { ProcessSpec } from '#region/process-spec.ts';
import { awaitReady, runJob, spawnService } from '#region/runner.ts';
import { FakeGuest } from './fake-guest.ts';

/** Why real packets cannot be sent here, or null. */
export function missingForPackets(): string | null {
  if (process.getuid?.() !== 0) return 'needs root';
  if (!existsSync('/bin/busybox')) return 'needs busybox-static';
  if (!existsSync('/usr/sbin/ovs-vswitchd') || !existsSync('/usr/bin/ovn-northd')) return 'needs Open vSwitch and OVN';
  return null;
}

/** OVN central and some hosts in namespaces, with daemons that can be killed and started again one by one. */
export class VirtualNetwork {
  readonly northbound: string;
  readonly southbound: string;
  readonly #dir: string;
  readonly #specs: readonly ProcessSpec[];
  readonly #hosts: ReadonlyMap<string, { namespace: string; dbSocket: string }>;
  readonly #running = new Map<string, ProcessIdentity>();
  readonly #guests: FakeGuest[] = [];

  /** Starts one with the hosts `h1`, `h2`, …; everything ends with the test. */
  static async start(t: TestContext, hostCount: number): Promise<VirtualNetwork> {
    const dir = mkdtempSync(join(tmpdir(), 'bst-vn-'));
    const names = Array.from({ length: hostCount }, (_, index) => `h${index + 1}`);
    const fabric = planFabric(regionTag(dir), '100.127.0.0/24', names);
    t.after(async () => {
      await removeFabric(fabric);
      rmSync(dir, { recursive: true, force: true });
    });
    await ensureFabric(fabric);
    const central = await prepareOvnCentral({ dir: join(dir, 'ovn'), runDir: join(dir, 'o') });
    const datapath = await detectDatapath();
    const specs: ProcessSpec[] = [...central.specs];
    const hosts = new Map<string, { namespace: string; dbSocket: string }>();
    for (const [index, { namespace, underlay }] of fabric.hosts.entries()) {
      const host = `h${index + 1}`;
      const paths = { dir: join(dir, host), runDir: join(dir, `r${host}`) };
      const network = await prepareHostNetwork({
        host,
        namespace,
        underlay,
        ...paths,
        southbound: central.southbound,
        datapath,
        mtu: fabric.mtu,
      });
      specs.push(...network.specs);
      hosts.set(host, { namespace, dbSocket: network.dbSocket });
    }
    const network = new VirtualNetwork({ ...central, dir, specs, hosts });
    t.after(() => network.#stop());
    for (const spec of specs) await network.#startOne(spec);
    return network;
  }

  private constructor(parts: {
    dir: string;
    specs: readonly ProcessSpec[];
    hosts: ReadonlyMap<string, { namespace: string; dbSocket: string }>;
    northbound: string;
    southbound: string;
  }) {
    this.northbound = parts.northbound;
    this.southbound = parts.southbound;
    this.#dir = parts.dir;
    this.#specs = parts.specs;
    this.#hosts = parts.hosts;
  }

  /** Names of the daemons, as {@link kill} and {@link restart} take them: `ovn-nb`, `ovn-northd`, `h1-vswitchd`, … */
  get daemons(): string[] {
    return this.#specs.filter((spec) => spec.kind === 'service').map((spec) => spec.name);
  }

  /** SIGKILL. */
  async kill(name: string): Promise<void> {
    const identity = this.#running.get(name);
    if (identity === undefined) throw new Error(`${name} does not run`);
    await terminate(identity, { signal: 'SIGKILL' });
    this.#running.delete(name);
  }

  /** Starts a killed daemon and repeats the jobs that depend on it, as the supervisor does. */
  async restart(name: string): Promise<void> {
    const again = new Set([name]);
    for (const spec of this.#specs) {
      if (spec.kind === 'job' && spec.dependsOn.some((dependency) => again.has(dependency))) again.add(spec.name);
    }
    for (const spec of this.#specs) if (again.has(spec.name)) await this.#startOne(spec);
  }

  /** A guest on a host's switch, with the adapter's MAC address and no IP address yet. */
  async attach(host: string, adapter: { id: string; macAddress: string }): Promise<FakeGuest> {
    const found = this.#hosts.get(host);
    if (found === undefined) throw new Error(`no host ${host}`);
    const guest = await FakeGuest.attach({ ...found, name: `g${this.#guests.length + 1}`, dir: this.#dir }, adapter);
    this.#guests.push(guest);
    return guest;
  }

  /** What a daemon has printed so far. */
  log(name: string): string {
    return readFileSync(join(this.#dir, 'logs', `${name}.log`), 'utf8');
  }

  /** Runs `ovn-nbctl` with these arguments. */
  nbctl(...args: string[]): Promise<string> {
    return run(['ovn-nbctl', '--timeout=15', `--db=${this.northbound}`, ...args]);
  }

  async #startOne(spec: ProcessSpec): Promise<void> {
    if (spec.kind === 'job') {
      await runJob(spec);
      return;
    }
    const identity = await spawnService(spec, join(this.#dir, 'logs'));
    this.#running.set(spec.name, identity);
    await awaitReady(spec, identity);
  }

  async #stop(): Promise<void> {
    for (const guest of this.#guests) await guest.remove();
    for (const identity of [...this.#running.values()].toReversed()) await terminate(identity);
  }
}
