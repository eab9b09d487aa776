/**
 * The test command: gates, then unit tests two at a time, then the serial ones. Ends with one line
 * `N passed, N failed[, N skipped]` and exits 1 when anything failed.
 *
 *     node tools/test.ts [--only gates|unit|e2e] [--grep PATTERN] [--deadline-minutes N] [--no-database] [PATH…]
 *
 * PATHs (files or folders) narrow the test files. `--grep` narrows the tests by name and leaves the gates out.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { startPostgres } from '#region/postgres.ts';
import { GATES, runGate } from './gates.ts';
import { killRunningFiles, runTestFile } from './test-file.ts';
import { inParallel, planTests } from './test-plan.ts';
import { TestReport } from './test-report.ts';

const FILE_TIMEOUT_MS = 10 * 60_000;
const WIDTH = 2;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    only: { type: 'string' },
    grep: { type: 'string' },
    root: { type: 'string' },
    'no-database': { type: 'boolean', default: false },
    'deadline-minutes': { type: 'string', default: '25' },
  },
});
const root = options.root ?? resolve(import.meta.dirname, '..');
let deadline = performance.now() + Number(options['deadline-minutes']) * 60_000;
// A variable of Node's own runner that would make the files report to it instead of to us.
delete process.env['NODE_TEST_CONTEXT'];
const report = new TestReport((text) => process.stdout.write(text));

function wants(part: 'gates' | 'unit' | 'e2e'): boolean {
  if (part === 'gates' && (options.grep !== undefined || positionals.length > 0)) return false;
  return options.only === undefined || options.only === part;
}

function chosen(files: readonly string[]): string[] {
  const prefixes = positionals.map((path) => path.replace(/^\.\//, ''));
  return prefixes.length === 0
    ? [...files]
    : files.filter((file) => prefixes.some((prefix) => file.startsWith(prefix)));
}

async function runFiles(files: readonly string[], width: number, env: NodeJS.ProcessEnv): Promise<void> {
  await inParallel(files, width, async (file) => {
    const left = deadline - performance.now();
    if (left <= 0)
      report.addProblem(`${file} was not run: the deadline of the whole run has passed or the run was stopped`);
    else
      report.addFile(
        await runTestFile(file, { root, grep: options.grep, env, timeoutMs: Math.min(left, FILE_TIMEOUT_MS) }),
      );
  });
}

interface SharedDatabase {
  env: NodeJS.ProcessEnv;
  stop: () => Promise<void>;
}

/** One PostgreSQL for all files; without it each file starts its own, so a failure here only costs time. */
async function sharedDatabase(): Promise<SharedDatabase> {
  if (options['no-database']) return { env: process.env, stop: async () => {} };
  const dir = mkdtempSync(join(tmpdir(), 'bst-pg-'));
  const remove = (): void => rmSync(dir, { recursive: true, force: true });
  try {
    const server = await startPostgres({ dir, durable: false, database: 'main' });
    const stop = async (): Promise<void> => {
      await server.stop();
      remove();
    };
    return { env: { ...process.env, BASTIDE_TEST_POSTGRES_URL: server.urlFor('main') }, stop };
  } catch (error) {
    process.stdout.write(`no shared PostgreSQL: ${(error as Error).message}\n`);
    remove();
    return { env: process.env, stop: async () => {} };
  }
}

/** On Ctrl-C the running files end as failed, the rest is not begun, and the database is stopped. */
function stopOnSignal(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      deadline = 0;
      killRunningFiles();
    });
  }
}

async function runTests(): Promise<void> {
  const plan = planTests(root);
  const unit = wants('unit') ? chosen(plan.unit) : [];
  const serial = wants('e2e') ? chosen(plan.serial) : [];
  if (unit.length + serial.length === 0) return;
  const database = await sharedDatabase();
  try {
    await runFiles(unit, WIDTH, database.env);
    await runFiles(serial, 1, database.env);
  } finally {
    await database.stop();
  }
}

if (options.only !== undefined && !['gates', 'unit', 'e2e'].includes(options.only)) {
  process.stderr.write('--only takes gates, unit or e2e\n');
  process.exit(2);
}
stopOnSignal();
if (wants('gates')) await inParallel(GATES, WIDTH, async (gate) => report.addGate(await runGate(gate, root)));
await runTests();
report.finish();
process.exitCode = report.failed === 0 ? 0 : 1;
