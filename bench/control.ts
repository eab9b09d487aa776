import { startSimulatedRegion } from '#test/support/region.ts';
import type { SimulatedRegion } from '#test/support/region.ts';
import { percentile } from './figures.ts';
import type { Reporter } from './figures.ts';
import { loadMachines } from './load.ts';
import type { LoadTarget, Outcome, Scenario } from './load-generator.ts';
import { LoadProcess } from './load-process.ts';
import { cpuSeconds, pssMib } from './process-usage.ts';

/** How much work the control-plane figures are taken from. */
export interface ControlSizes {
  readonly sequential: number;
  readonly parallel: number;
  readonly reads: number;
  readonly lists: number;
  readonly many: number;
}

export const fullSizes: ControlSizes = { sequential: 200, parallel: 1000, reads: 8000, lists: 60, many: 100_000 };
/** About a fifth of the time; figures of `100k` are then taken with 20,000 machines and say so. */
export const quickSizes: ControlSizes = { sequential: 50, parallel: 300, reads: 3000, lists: 20, many: 20_000 };

const hosts = 32;
const coresPerHost = 1024;
const memoryMibPerHost = 4 * 1024 * 1024;
const poolGib = 1_000_000;

/** Measures the control plane over its plain listener, with simulated agents that take no time. */
export async function measureControl(sizes: ControlSizes, { say, add }: Reporter): Promise<void> {
  say(`starting a region with ${hosts} simulated hosts`);
  const region = await startSimulatedRegion({
    ...{ hosts, coresPerHost, memoryMibPerHost, poolGib },
    ...{ durable: true, validateResponses: false },
  });
  const load = new LoadProcess();
  try {
    const bench = new ControlBench(region, load, { sizes, say, add });
    await bench.few();
    await bench.many();
  } finally {
    load.close();
    await region.stop();
  }
}

class ControlBench {
  readonly #region: SimulatedRegion;
  readonly #load: LoadProcess;
  readonly #sizes: ControlSizes;
  readonly #reporter: Reporter;
  #target: LoadTarget | null = null;
  #ids: string[] = [];

  constructor(region: SimulatedRegion, load: LoadProcess, { sizes, ...reporter }: Reporter & { sizes: ControlSizes }) {
    this.#region = region;
    this.#load = load;
    this.#sizes = sizes;
    this.#reporter = reporter;
  }

  /** Everything that is measured with hundreds to a few thousand machines. */
  async few(): Promise<void> {
    const { sequential, parallel } = this.#sizes;
    await this.#create({ count: 20, concurrency: 1, prefix: 'warm' });
    await this.#create({ count: 100, concurrency: 8, prefix: 'warm-parallel' });
    const alone = await this.#create({ count: sequential, concurrency: 1, prefix: 'alone' });
    const polled = await this.#create({ count: sequential, concurrency: 1, prefix: 'polled', follow: 'poll' });
    const note = `POST → completed seen over the wait endpoint, ${sequential} one after the other; polling instead: p50 ${percentile(polled.latencies, 0.5).toFixed(1)} ms`;
    this.#reporter.add({ name: 'control.create.p50_ms', value: percentile(alone.latencies, 0.5), unit: 'ms', note });
    this.#reporter.add({
      name: 'control.create.p95_ms',
      value: percentile(alone.latencies, 0.95),
      unit: 'ms',
      note: 'the same',
    });
    await this.#fillTo(1000);
    await this.#pages('1k', this.#ids.length);
    await this.#read();
    this.#memory('control.rss_mb', `with ${this.#ids.length} machines`);
    for (const concurrency of [16, 64]) await this.#createAt(concurrency, '');
    await this.#delete(parallel);
  }

  /** The same with 100,000 machines present. */
  async many(): Promise<void> {
    const { many } = this.#sizes;
    const templateId = this.#ids[0];
    if (templateId === undefined) throw new Error('no machine is left to multiply');
    const count = many - this.#ids.length;
    this.#reporter.say(`adding ${count} machines to the database and to the simulated agents`);
    await this.#region.kill('control-1', 'SIGTERM');
    await this.#region.kill('simulated', 'SIGTERM');
    await loadMachines({
      databaseUrl: this.#region.databaseUrl,
      journalDir: this.#region.journalDir,
      templateId,
      count,
    });
    await this.#region.restart('simulated');
    await this.#region.restart('control-1');
    this.#target = null;
    await this.#create({ count: 100, concurrency: 8, prefix: 'warm-many' });
    await this.#createAt(64, '.100k');
    await this.#pages('100k', many);
    this.#memory('control.rss_mb.100k', `with ${many} machines`);
  }

  async #createAt(concurrency: number, suffix: string): Promise<void> {
    const count = this.#sizes.parallel;
    const before = this.#cpuSeconds();
    const { elapsedMs, latencies } = await this.#create({
      count,
      concurrency,
      prefix: `c${concurrency}${suffix.replace('.', '-')}`,
    });
    const after = this.#cpuSeconds();
    const cpu = [...after].map(
      ([name, seconds]) => `${name} ${(((seconds - (before.get(name) ?? 0)) * 1000) / count).toFixed(1)}`,
    );
    const present =
      suffix === '' ? `${this.#ids.length - count} machines present` : `${this.#sizes.many} machines present`;
    this.#reporter.add({
      name: `control.create.per_s.c${concurrency}${suffix}`,
      value: count / (elapsedMs / 1000),
      unit: '1/s',
      note: `${count} creates, ${present}; CPU ms per create: ${cpu.join(', ')}`,
    });
    this.#reporter.add({
      name: `control.create.p50_ms.c${concurrency}${suffix}`,
      value: percentile(latencies, 0.5),
      unit: 'ms',
      note: 'POST → completed during that',
    });
  }

  async #pages(label: string, present: number): Promise<void> {
    const middle = Math.floor(present / 400) * 200;
    for (const [name, offset] of [
      ['control.list200', 0],
      ['control.list200.mid', middle],
    ] as const) {
      const { latencies } = await this.#run({ kind: 'list', offset, count: this.#sizes.lists });
      this.#reporter.add({
        name: `${name}.p50_ms.${label}`,
        value: percentile(latencies, 0.5),
        unit: 'ms',
        note: `200 machines from ${offset} of ${present}`,
      });
    }
  }

  async #read(): Promise<void> {
    const ids = this.#ids.slice(0, 500);
    const warm: Scenario = { kind: 'read', ids, clients: 8, durationMs: 1500 };
    await this.#run(warm);
    const { elapsedMs, latencies } = await this.#run({ ...warm, durationMs: this.#sizes.reads });
    const p50 = percentile(latencies, 0.5);
    this.#reporter.add({
      name: 'control.read.per_s',
      value: latencies.length / (elapsedMs / 1000),
      unit: '1/s',
      note: `GET by id, 8 clients, p50 ${p50.toFixed(2)} ms`,
    });
  }

  async #delete(count: number): Promise<void> {
    const ids = this.#ids.splice(-count);
    const { elapsedMs } = await this.#run({ kind: 'delete', ids, concurrency: 64 });
    this.#reporter.add({
      name: 'control.delete.per_s',
      value: ids.length / (elapsedMs / 1000),
      unit: '1/s',
      note: `${ids.length} running machines, concurrency 64, until each activity is completed`,
    });
  }

  async #fillTo(count: number): Promise<void> {
    const missing = count - this.#ids.length;
    if (missing > 0) await this.#create({ count: missing, concurrency: 32, prefix: 'fill' });
  }

  #memory(name: string, note: string): void {
    const each = [...this.#region.processes()].map(([process, pid]) => ({ process, mib: pssMib(pid) }));
    const ours = each.filter(({ process }) => process !== 'simulated').reduce((sum, { mib }) => sum + mib, 0);
    const parts = each.map(({ process, mib }) => `${process} ${Math.round(mib)}`).join(', ');
    this.#reporter.add({
      name,
      value: ours,
      unit: 'MiB',
      note: `PSS of control plane and PostgreSQL ${note} (${parts})`,
    });
  }

  async #create(asked: {
    count: number;
    concurrency: number;
    prefix: string;
    follow?: 'wait' | 'poll';
  }): Promise<Outcome> {
    const outcome = await this.#run({ kind: 'create', follow: 'wait', ...asked });
    this.#ids.push(...outcome.ids);
    return outcome;
  }

  async #run(scenario: Scenario): Promise<Outcome> {
    this.#target ??= { baseUrl: this.#region.plainUrl, token: await this.#region.login() };
    return await this.#load.run(this.#target, scenario);
  }

  #cpuSeconds(): Map<string, number> {
    return new Map([...this.#region.processes()].map(([name, pid]) => [name, cpuSeconds(pid)]));
  }
}
