// The test command on small trees of its own: counts, names, exit code, and files that misbehave.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { runTestFile } from './test-file.ts';
import { inParallel, planTests } from './test-plan.ts';
import { TestReport } from './test-report.ts';

const MIXED = `import { suite, test } from 'node:test';
test('good', () => {});
test('bad', () => { throw new Error('because'); });
test('left out', { skip: 'needs root' }, () => {});
suite('group', () => { test('inner', () => {}); });
test('parent', async (t) => { await t.test('child', () => { throw new Error('child because'); }); });
`;

function folder(t: TestContext, files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'bst-run-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const [path, text] of Object.entries({ 'package.json': '{"type":"module"}', ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** The environment without what the surrounding test run has put into it for its own children. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
  return env;
}

async function runOne(t: TestContext, text: string, options: { grep?: string; timeoutMs?: number } = {}) {
  const root = folder(t, { 'a.test.ts': text });
  const { grep, timeoutMs = 20_000 } = options;
  return runTestFile('a.test.ts', { root, grep, env: cleanEnvironment(), timeoutMs });
}

test('a file reports each test with its outcome, parents and reasons', async (t) => {
  const { tests } = await runOne(t, MIXED);
  const seen = tests.map(({ name, outcome }) => `${outcome} ${name}`);
  assert.deepEqual(seen, [
    'passed good',
    'failed bad',
    'skipped left out',
    'passed group › inner',
    'failed parent › child',
  ]);
  assert.match(tests[1]?.detail ?? '', /because/);
  assert.equal(tests[2]?.detail, 'needs root');
});

test('a hook that fails is a failure, once, by the name of its suite', async (t) => {
  const { tests } = await runOne(
    t,
    "import { after, suite, test } from 'node:test'; suite('group', () => { after(() => { throw new Error('hook because'); }); test('inner', () => {}); });",
  );
  assert.deepEqual(
    tests.map(({ name, outcome }) => `${outcome} ${name}`),
    ['passed group › inner', 'failed group'],
  );
  assert.match(tests[1]?.detail ?? '', /hook because/);
});

test('a name pattern narrows the tests', async (t) => {
  const { tests } = await runOne(t, MIXED, { grep: 'good' });
  assert.deepEqual(
    tests.filter((one) => one.outcome === 'passed').map((one) => one.name),
    ['good'],
  );
  assert.equal(
    tests.some((one) => one.outcome === 'failed'),
    false,
  );
});

test('a file that crashes, hangs or holds no test is a failure by name', async (t) => {
  const crashed = await runOne(t, 'process.exit(3);');
  assert.match(crashed.tests.at(-1)?.detail ?? '', /code 3/);
  const hanging = await runOne(
    t,
    "import { test } from 'node:test'; test('x', () => new Promise(() => setInterval(() => {}, 1000)));",
    {
      timeoutMs: 700,
    },
  );
  assert.match(hanging.tests.at(-1)?.detail ?? '', /did not end in time/);
  const empty = await runOne(t, 'export const x = 1;');
  assert.match(empty.tests.at(-1)?.detail ?? '', /holds no test/);
});

test('an interrupted run ends what it started and says so', async (t) => {
  const command = join(import.meta.dirname, 'test.ts');
  const root = folder(t, {
    'libs/a.test.ts':
      "import { test } from 'node:test'; process.stdout.write('begun'); test('x', () => new Promise(() => setInterval(() => {}, 1000)));",
    'libs/b.test.ts': MIXED,
    'libs/c.test.ts': MIXED,
  });
  const run = execFile(process.execPath, [command, '--root', root, '--only', 'unit', '--no-database'], {
    env: cleanEnvironment(),
  });
  let output = '';
  run.stdout?.on('data', (text: string) => {
    output += text;
    // b and c run beside a; when c has ended only a is left.
    if (output.includes('libs/c.test.ts: ') && !run.killed) run.kill('SIGINT');
  });
  const code = await new Promise((done) => run.once('close', done));
  assert.equal(code, 1);
  assert.match(output, /a\.test\.ts: .*1 failed/);
  assert.equal(output.trimEnd().split('\n').at(-1), '4 passed, 5 failed, 2 skipped');
});

test('end-to-end files and those that say so run one after the other', (t) => {
  const root = folder(t, {
    'libs/a.test.ts': '',
    'libs/b.test.ts': '// @serial: measures time\n',
    'test/e2e/c.test.ts': '',
    'node_modules/d.test.ts': '',
  });
  assert.deepEqual(planTests(root), { unit: ['libs/a.test.ts'], serial: ['libs/b.test.ts', 'test/e2e/c.test.ts'] });
});

test('work runs at most so many at a time and keeps its order', async () => {
  let running = 0;
  let most = 0;
  const results = await inParallel([1, 2, 3, 4, 5], 2, async (item) => {
    running += 1;
    most = Math.max(most, running);
    await new Promise((done) => setImmediate(done));
    running -= 1;
    return item * 2;
  });
  assert.deepEqual(results, [2, 4, 6, 8, 10]);
  assert.equal(most, 2);
});

test('the report ends with exactly the counts, and names what failed and what was skipped', () => {
  let text = '';
  const report = new TestReport((chunk) => (text += chunk));
  report.addGate({ name: 'types', passed: true, output: '', durationMs: 5 });
  report.addGate({ name: 'lint', passed: false, output: 'a.ts:1 wrong', durationMs: 5 });
  report.addFile({
    file: 'a.test.ts',
    durationMs: 10,
    output: '',
    tests: [
      { name: 'good', outcome: 'passed', durationMs: 1, detail: '' },
      { name: 'left out', outcome: 'skipped', durationMs: 1, detail: 'needs root' },
    ],
  });
  report.finish();
  assert.equal(text.trimEnd().split('\n').at(-1), '2 passed, 1 failed, 1 skipped');
  assert.match(text, /Skipped:\n {2}a\.test\.ts: left out \(needs root\)/);
  assert.match(text, /Failed:\n {2}gate: lint/);
});

test('the command exits 1 when a test failed and 0 when none did', async (t) => {
  const command = join(import.meta.dirname, 'test.ts');
  const run = async (text: string): Promise<{ code: number; last: string }> =>
    new Promise((done) => {
      const root = folder(t, { 'libs/a.test.ts': text });
      const args = [command, '--root', root, '--only', 'unit', '--no-database'];
      execFile(process.execPath, args, { env: cleanEnvironment() }, (error, stdout) =>
        done({ code: error === null ? 0 : Number(error.code), last: stdout.trimEnd().split('\n').at(-1) ?? '' }),
      );
    });
  assert.deepEqual(await run("import { test } from 'node:test'; test('x', () => {});"), {
    code: 0,
    last: '1 passed, 0 failed',
  });
  assert.deepEqual(await run(MIXED), { code: 1, last: '2 passed, 2 failed, 1 skipped' });
});
