import { setTimeout as delay } from 'node:timers/promises';
import type { ProcessSpec } from './process-spec.ts';
import { digestOf, Supervised } from './supervised.ts';
import type { ProcessStatus, SupervisionFolders } from './supervised.ts';

const watchEveryMs = 250;

/** Keeps a declared list of processes running, in the order of their dependencies, whoever started them. */
export class Supervision {
  readonly #folders: SupervisionFolders;
  readonly #onChange: (status: ProcessStatus) => void;
  #processes = new Map<string, Supervised>();
  #wake: () => void = () => undefined;
  #stopped = false;

  constructor(folders: SupervisionFolders, onChange: (status: ProcessStatus) => void = () => undefined) {
    this.#folders = folders;
    this.#onChange = onChange;
  }

  get status(): readonly ProcessStatus[] {
    return [...this.#processes.values()].map((process) => process.status);
  }

  /**
   * Takes a new list: stops what is no longer in it, restarts what is to run otherwise, adopts what runs already, leaves the
   * rest alone. Jobs run again.
   * @throws Error when a dependency is not in the list
   */
  async apply(specs: readonly ProcessSpec[]): Promise<void> {
    assertOrder(specs);
    const wanted = new Map(specs.map((spec) => [spec.name, spec]));
    const leaving = [...this.#processes.values()].filter(
      (process) => !isSame(process.spec, wanted.get(process.spec.name)),
    );
    for (const process of leaving.toReversed()) {
      await process.stop();
      this.#processes.delete(process.spec.name);
    }
    const processes = new Map<string, Supervised>();
    for (const spec of specs) {
      const known = this.#processes.get(spec.name);
      if (known?.spec.kind === 'job') known.repeat();
      processes.set(spec.name, known ?? this.#supervise(spec));
    }
    const fresh = [...processes.values()].filter((process) => !this.#processes.has(process.spec.name));
    await Promise.all(fresh.map(async (process) => process.adopt()));
    this.#processes = processes;
    this.#wake();
  }

  /** Starts, watches and restarts until {@link leave}. */
  async run(): Promise<void> {
    while (!this.#stopped) {
      this.#step();
      const pause = new AbortController();
      this.#wake = () => pause.abort();
      await delay(watchEveryMs, undefined, { signal: pause.signal }).catch(() => undefined);
    }
  }

  /** Ends {@link run}; the processes stay. */
  leave(): void {
    this.#stopped = true;
    this.#wake();
  }

  #step(): void {
    const now = performance.now();
    for (const process of this.#processes.values()) {
      if (!process.watch()) continue;
      for (const job of this.#dependentJobs(process.spec.name)) job.repeat();
    }
    for (const process of this.#processes.values()) {
      if (process.hasServed || process.spec.dependsOn.every((name) => this.#processes.get(name)?.isSatisfied))
        process.start(now);
    }
  }

  /** Jobs that hang on this process, also through other jobs. */
  #dependentJobs(name: string): Supervised[] {
    const direct = [...this.#processes.values()].filter(
      ({ spec }) => spec.kind === 'job' && spec.afterRespawn && spec.dependsOn.includes(name),
    );
    return direct.flatMap((job) => [job, ...this.#dependentJobs(job.spec.name)]);
  }

  #supervise(spec: ProcessSpec): Supervised {
    const process: Supervised = new Supervised(spec, this.#folders, () => {
      this.#onChange(process.status);
      this.#wake();
    });
    return process;
  }
}

function isSame(running: ProcessSpec, wanted: ProcessSpec | undefined): boolean {
  if (!wanted || running.kind !== wanted.kind) return false;
  if (running.kind === 'service' && wanted.kind === 'service' && digestOf(running) !== digestOf(wanted)) return false;
  return JSON.stringify(running) === JSON.stringify(wanted);
}

function assertOrder(specs: readonly ProcessSpec[]): void {
  const names = new Set<string>();
  for (const spec of specs) {
    for (const name of spec.dependsOn) {
      if (!names.has(name)) throw new Error(`${spec.name} depends on ${name}, which does not stand before it`);
    }
    if (names.has(spec.name)) throw new Error(`two processes are named ${spec.name}`);
    names.add(spec.name);
  }
}
