import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { isAlive } from '#libs/process/identity.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { readIfPresent, writeJsonAtomic } from '#libs/process/atomic-file.ts';
import { readLivePid, removePidFile, writePidFile } from '#libs/process/pid-file.ts';
import type { JobSpec, ProcessSpec, ServiceSpec } from './process-spec.ts';
import { awaitReady, runJob, spawnService, stopService } from './runner.ts';

/** Where one process stands. `backoff` waits before the next try. */
export type Phase = 'waiting' | 'starting' | 'ready' | 'done' | 'backoff' | 'stopping';

/** What `status` shows of one process. */
export interface ProcessStatus {
  readonly name: string;
  readonly kind: 'service' | 'job';
  readonly phase: Phase;
  readonly pid: number | null;
  /** ISO 8601; `null` when it does not run. */
  readonly startedAt: string | null;
  /** Times the supervisor started it again after it ended by itself. */
  readonly restarts: number;
  /** Why it last ended or failed to start. */
  readonly lastError: string | null;
  /** Milliseconds from its start until it was ready or done; `null` until then or when it was adopted. */
  readonly tookMs: number | null;
  readonly facts: Readonly<Record<string, string>>;
}

/** Where pid files and logs go. */
export interface SupervisionFolders {
  readonly run: string;
  readonly logs: string;
}

interface StartRecord {
  readonly digest: string;
  readonly startedAt: string;
  readonly restarts: number;
}

const backoffMsMax = 15_000;
/** A process that stayed up so long starts its back-off anew. */
const settledMs = 60_000;

/** One process of the plan with its life: starts, adopts, watches and stops it. */
export class Supervised {
  readonly spec: ProcessSpec;
  readonly #folders: SupervisionFolders;
  /** Told after every change. */
  readonly #changed: () => void;
  phase: Phase = 'waiting';
  #identity: ProcessIdentity | null = null;
  #startedAt: string | null = null;
  #readyAt = 0;
  #hasServed = false;
  #restarts = 0;
  #failures = 0;
  #lastError: string | null = null;
  #tookMs: number | null = null;
  #retryAt = 0;
  #task: Promise<void> = Promise.resolve();
  readonly #abort = new AbortController();

  constructor(spec: ProcessSpec, folders: SupervisionFolders, changed: () => void) {
    this.spec = spec;
    this.#folders = folders;
    this.#changed = changed;
  }

  /** Whether it may start again whatever has become of what it depends on: it knew how to live without for a while. */
  get hasServed(): boolean {
    return this.spec.kind === 'service' && this.#hasServed;
  }

  get isSatisfied(): boolean {
    return this.phase === 'ready' || this.phase === 'done';
  }

  get status(): ProcessStatus {
    return {
      name: this.spec.name,
      kind: this.spec.kind,
      phase: this.phase,
      pid: this.#identity?.pid ?? null,
      startedAt: this.#startedAt,
      restarts: this.#restarts,
      lastError: this.#lastError,
      tookMs: this.#tookMs,
      facts: this.spec.kind === 'service' ? (this.spec.facts ?? {}) : {},
    };
  }

  /** Takes over a process that an earlier supervisor started; one that was started otherwise than the plan says is stopped. */
  async adopt(): Promise<boolean> {
    const { spec } = this;
    if (spec.kind !== 'service') return false;
    const identity = readLivePid(this.#pidFile);
    if (!identity) return false;
    const record = readRecord(this.#recordFile);
    if (record?.digest !== digestOf(spec)) {
      await stopService(spec, identity);
      removePidFile(this.#pidFile);
      return false;
    }
    this.#identity = identity;
    this.#startedAt = record.startedAt;
    this.#restarts = record.restarts;
    this.#enter('starting');
    this.#task = this.#untilReady(spec, { since: null });
    return true;
  }

  /** Starts it when it waits, or when its back-off is over. Everything it depends on must be satisfied. */
  start(now: number): void {
    if (this.phase === 'backoff' && now >= this.#retryAt) this.phase = 'waiting';
    if (this.phase !== 'waiting') return;
    this.#enter('starting');
    this.#task = this.spec.kind === 'job' ? this.#runJob(this.spec) : this.#launch(this.spec);
  }

  /** Looks whether it still runs; `true` when it has just been found ended. */
  watch(): boolean {
    if (this.phase !== 'ready' || this.spec.kind !== 'service') return false;
    if (this.#identity && isAlive(this.#identity)) return false;
    if (performance.now() - this.#readyAt > settledMs) this.#failures = 0;
    this.#fail(`ended${lastLine(this.#logFile)}`);
    return true;
  }

  /** Has a job run again. */
  repeat(): void {
    if (this.phase === 'done') this.#enter('waiting');
  }

  /** Stops it for good. */
  async stop(): Promise<void> {
    this.phase = 'stopping';
    this.#abort.abort();
    await this.#task;
    const identity = this.#identity ?? readLivePid(this.#pidFile);
    if (identity && this.spec.kind === 'service') await stopService(this.spec, identity);
    removePidFile(this.#pidFile);
    this.#identity = null;
  }

  async #launch(spec: ServiceSpec): Promise<void> {
    const since = performance.now();
    try {
      const started = await spawnService(spec, this.#folders.logs);
      const identity = { pid: started.pid, startTime: started.startTime };
      this.#identity = identity;
      this.#startedAt = new Date().toISOString();
      started.child.once('exit', () => this.#changed());
      try {
        this.#remember(spec, identity, this.#startedAt);
      } catch (error) {
        // With a full disk nobody could find it again: better not run it.
        await stopService(spec, identity);
        throw error;
      }
    } catch (error) {
      this.#fail(messageOf(error));
      return;
    }
    await this.#untilReady(spec, { since });
  }

  #remember(spec: ServiceSpec, identity: ProcessIdentity, startedAt: string): void {
    const record: StartRecord = { digest: digestOf(spec), startedAt, restarts: this.#restarts };
    writeJsonAtomic(this.#recordFile, record);
    writePidFile(this.#pidFile, identity);
  }

  async #untilReady(spec: ServiceSpec, { since }: { since: number | null }): Promise<void> {
    const identity = this.#identity;
    if (!identity) return;
    try {
      await awaitReady(spec, identity, this.#abort.signal);
    } catch (error) {
      if (this.phase === 'stopping') return;
      const detail = isAlive(identity) ? '' : lastLine(this.#logFile);
      // A process that hangs would hold its socket or port against the next one.
      await stopService(spec, identity).catch(() => undefined);
      this.#fail(`${messageOf(error)}${detail}`);
      return;
    }
    if (this.phase === 'stopping') return;
    this.#tookMs = since === null ? null : Math.round(performance.now() - since);
    this.#readyAt = performance.now();
    this.#hasServed = true;
    this.#enter('ready');
  }

  async #runJob(spec: JobSpec): Promise<void> {
    const since = performance.now();
    try {
      await runJob(spec);
      this.#failures = 0;
      this.#lastError = null;
      this.#tookMs = Math.round(performance.now() - since);
      if (this.phase !== 'stopping') this.#enter('done');
    } catch (error) {
      this.#fail(messageOf(error));
    }
  }

  #fail(reason: string): void {
    if (this.phase === 'stopping') return;
    this.#lastError = reason;
    this.#identity = null;
    this.#startedAt = null;
    this.#restarts += 1;
    // The first restart is at once: most ends are a crash or an operator's kill, not a loop.
    const delayMs = this.#failures === 0 ? 0 : Math.min(backoffMsMax, 250 * 2 ** this.#failures);
    this.#failures += 1;
    this.#retryAt = performance.now() + delayMs;
    removePidFile(this.#pidFile);
    this.#enter('backoff');
  }

  #enter(phase: Phase): void {
    this.phase = phase;
    this.#changed();
  }

  get #pidFile(): string {
    return `${this.#folders.run}/${this.spec.name}.pid`;
  }
  get #recordFile(): string {
    return `${this.#folders.run}/${this.spec.name}.started`;
  }
  get #logFile(): string {
    return `${this.#folders.logs}/${this.spec.name}.log`;
  }
}

/** Tells one way of running a process from another. */
export function digestOf(spec: ServiceSpec): string {
  const { argv, cwd, env, uid, gid, netns, fingerprint } = spec;
  return createHash('sha256')
    .update(JSON.stringify([argv, cwd, env, uid, gid, netns, fingerprint]))
    .digest('hex')
    .slice(0, 16);
}

function readRecord(path: string): StartRecord | null {
  try {
    return JSON.parse(readIfPresent(path) ?? 'null') as StartRecord | null;
  } catch {
    return null;
  }
}

function lastLine(logFile: string): string {
  try {
    if (statSync(logFile).size > 64 * 1024 ** 2) return '';
    const line = (readIfPresent(logFile) ?? '').trimEnd().split('\n').at(-1) ?? '';
    return line === '' ? '' : `: ${line.slice(0, 500)}`;
  } catch {
    return '';
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
