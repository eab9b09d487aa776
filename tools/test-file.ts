/** Runs one test file in a process group of its own and reads back what each test did. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FinishedTest } from './test-events.ts';

export interface FileResult {
  file: string;
  tests: FinishedTest[];
  durationMs: number;
  /** The end of what the file printed; shown when something failed. */
  output: string;
}

interface FileOptions {
  root: string;
  /** Node's `--test-name-pattern`. */
  grep: string | undefined;
  env: NodeJS.ProcessEnv;
  timeoutMs: number;
}

const OUTPUT_KEPT = 8000;
const running = new Set<ChildProcess>();

/** Kills every test file that runs, with all it started. For a run that is interrupted. */
export function killRunningFiles(): void {
  for (const child of running) killGroup(child);
}

const REPORTER = join(import.meta.dirname, 'test-events.ts');

/** Never rejects: what goes wrong with the file itself becomes one failed test. */
export async function runTestFile(file: string, options: FileOptions): Promise<FileResult> {
  const started = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'bst-t-'));
  const events = join(folder, 'events.jsonl');
  const pattern = options.grep === undefined ? [] : [`--test-name-pattern=${options.grep}`];
  const child = spawn(
    process.execPath,
    [`--test-reporter=${REPORTER}`, `--test-reporter-destination=${events}`, ...pattern, join(options.root, file)],
    { cwd: options.root, env: options.env, stdio: ['ignore', 'pipe', 'pipe'], detached: true },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output = (output + text).slice(-OUTPUT_KEPT)));
  }
  const ending = await waitForEnd(child, options.timeoutMs);
  const tests = readEvents(events);
  rmSync(folder, { recursive: true, force: true });
  const problem = fileProblem(ending, tests, options.grep !== undefined);
  if (problem !== undefined) tests.push({ name: `(file) ${file}`, outcome: 'failed', durationMs: 0, detail: problem });
  return { file, tests, durationMs: performance.now() - started, output };
}

type Ending = { code: number | null; timedOut: boolean };

/** Waits for the file; after the timeout its whole process group is killed, so that nothing it started stays behind. */
async function waitForEnd(child: ChildProcess, timeoutMs: number): Promise<Ending> {
  let timedOut = false;
  running.add(child);
  const timer = setTimeout(() => {
    timedOut = true;
    killGroup(child);
  }, timeoutMs);
  const code = await new Promise<number | null>((done) => {
    child.once('error', () => done(null));
    // Not "close": a process that the test left behind may hold the pipes open.
    child.once('exit', done);
  });
  clearTimeout(timer);
  running.delete(child);
  child.stdout?.destroy();
  child.stderr?.destroy();
  return { code, timedOut };
}

function killGroup(child: ChildProcess): void {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

function readEvents(path: string): FinishedTest[] {
  try {
    const lines = readFileSync(path, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as FinishedTest);
  } catch {
    // No file: the process ended before its first test. A cut last line: it was killed. fileProblem() says so.
    return [];
  }
}

function fileProblem(ending: Ending, tests: readonly FinishedTest[], filtered: boolean): string | undefined {
  if (ending.timedOut) return 'did not end in time and was killed';
  if (ending.code !== 0 && !tests.some((test) => test.outcome === 'failed')) {
    return `ended with code ${ending.code} although no test of it failed`;
  }
  return tests.length === 0 && !filtered ? 'holds no test' : undefined;
}
