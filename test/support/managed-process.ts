import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { closeSync, openSync, readFileSync, statSync } from 'node:fs';
import { once } from 'node:events';
import { waitFor } from '#libs/process/wait.ts';

/** What to run and where its output goes. */
export interface ManagedProcessOptions {
  readonly name: string;
  /** Arguments of the Node that runs this. */
  readonly args: readonly string[];
  readonly logFile: string;
  readonly env?: NodeJS.ProcessEnv;
  /** How long it may take to print its `ready` line; 60 s unless given. */
  readonly readyTimeoutMs?: number;
}

const children = new Set<ChildProcess>();
process.once('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** One of our Node processes under a test: started, killed and started again by name. It never outlives the test. */
export class ManagedProcess {
  readonly #options: ManagedProcessOptions;
  #child: ChildProcess | null = null;

  constructor(options: ManagedProcessOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  /** Null while it does not run. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Resolves when the process has printed its line with `"msg":"ready"`. @throws Error with the end of its log */
  async start(): Promise<void> {
    if (this.#child !== null) throw new Error(`${this.name} runs already`);
    const { args, logFile, env, readyTimeoutMs = 60_000 } = this.#options;
    const log = openSync(logFile, 'a', 0o600);
    const from = statSync(logFile).size;
    const child = spawn(process.execPath, args, { stdio: ['ignore', log, log], env: env ?? process.env });
    closeSync(log);
    children.add(child);
    this.#child = child;
    child.once('exit', () => {
      children.delete(child);
      if (this.#child === child) this.#child = null;
    });
    await waitFor(() => this.#isReady(from), {
      what: `${this.name} to be ready; its log: ${logFile}`,
      timeoutMs: readyTimeoutMs,
      intervalMs: 20,
    });
  }

  /** Sends a signal and waits until the process is gone. Nothing when it does not run. */
  async end(signal: NodeJS.Signals, timeoutMs = 15_000): Promise<void> {
    const child = this.#child;
    if (child === null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    const late = setTimeout(() => child.kill('SIGKILL'), timeoutMs);
    await gone;
    clearTimeout(late);
  }

  #isReady(from: number): boolean {
    const printed = readFileSync(this.#options.logFile).subarray(from).toString('utf8');
    if (printed.includes('"msg":"ready"')) return true;
    if (this.#child === null) throw new Error(`${this.name} ended before it was ready:\n${printed.slice(-4000)}`);
    return false;
  }
}
