// Each gate is shown to fail: a small sound tree passes it, the same tree with one fault does not.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { GATES, runGate } from './gates.ts';
import type { GateResult } from './gates.ts';

const HERE = resolve(import.meta.dirname, '..');
const CONFIGURATION = ['tsconfig.json', '.oxlintrc.json', '.oxfmtrc.json'];

/** Path → content of the sound tree. */
const SOUND: Record<string, string> = {
  'package.json': JSON.stringify({
    name: 'fixture',
    type: 'module',
    imports: { '#libs/*': './libs/*', '#control/*': './control-plane/src/*' },
  }),
  'knip.json': JSON.stringify({ entry: ['**/main.ts'], project: ['**/*.ts'] }),
  'libs/greeting.ts': 'export async function greet(name: string): Promise<string> {\n  return `hello ${name}`;\n}\n',
  'control-plane/src/main.ts':
    "import { greet } from '#libs/greeting.ts';\n\nprocess.stdout.write(await greet('you'));\n",
};

function tree(t: TestContext, changes: Record<string, string> = {}): string {
  const root = mkdtempSync(join(tmpdir(), 'bst-gate-'));
  t.after(() => rmSync(root, { recursive: true, force: true }));
  for (const name of CONFIGURATION) cpSync(join(HERE, name), join(root, name));
  symlinkSync(join(HERE, 'node_modules'), join(root, 'node_modules'));
  for (const [path, text] of Object.entries({ ...SOUND, ...changes })) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

/** A tree with the real contracts, for the gates that read them. */
function contractTree(t: TestContext): string {
  const root = tree(t);
  for (const name of ['contract', 'docs/errors.md']) cpSync(join(HERE, name), join(root, name), { recursive: true });
  return root;
}

async function run(name: string, root: string): Promise<GateResult> {
  const gate = GATES.find((candidate) => candidate.name === name);
  assert.ok(gate !== undefined, `no gate ${name}`);
  return runGate(gate, root);
}

interface Fault {
  gate: string;
  fault: string;
  changes: Record<string, string>;
  says: RegExp;
}

const FAULTS: Fault[] = [
  {
    gate: 'types',
    fault: 'a wrong argument',
    changes: { 'control-plane/src/main.ts': "import { greet } from '#libs/greeting.ts';\n\nawait greet(4);\n" },
    says: /TS2345/,
  },
  {
    gate: 'lint',
    fault: 'a floating promise',
    changes: { 'control-plane/src/main.ts': "import { greet } from '#libs/greeting.ts';\n\ngreet('you');\n" },
    says: /no-floating-promises/,
  },
  {
    gate: 'lint',
    fault: 'an any',
    changes: { 'libs/a.ts': 'export const a = (x: any): unknown => x;\n' },
    says: /no-explicit-any/,
  },
  {
    gate: 'lint',
    fault: 'a default export',
    changes: { 'libs/a.ts': 'export default 4;\n' },
    says: /no-default-export/,
  },
  { gate: 'lint', fault: 'a barrel', changes: { 'libs/a.ts': "export * from './greeting.ts';\n" }, says: /barrel/ },
  { gate: 'lint', fault: 'a console.log', changes: { 'libs/a.ts': "console.log('x');\n" }, says: /no-console/ },
  {
    gate: 'lint',
    fault: 'a type imported as a value',
    changes: { 'libs/a.ts': "import { Socket } from 'node:net';\n\nexport type S = Socket;\n" },
    says: /consistent-type-imports/,
  },
  {
    gate: 'lint',
    fault: 'a switch that misses a case',
    changes: {
      'libs/a.ts':
        "export function f(x: 'a' | 'b'): number {\n  switch (x) {\n    case 'a':\n      return 1;\n  }\n  return 2;\n}\n",
    },
    says: /switch-exhaustiveness/,
  },
  {
    gate: 'format',
    fault: 'an unformatted file',
    changes: { 'libs/a.ts': 'export const   a = "x"\n' },
    says: /libs\/a\.ts/,
  },
  {
    gate: 'unused code',
    fault: 'an unused export',
    changes: { 'libs/greeting.ts': `${SOUND['libs/greeting.ts']}\nexport const forgotten = 1;\n` },
    says: /forgotten/,
  },
  {
    gate: 'unused code',
    fault: 'an unused file',
    changes: { 'libs/forgotten.ts': 'export const x = 1;\n' },
    says: /libs\/forgotten\.ts/,
  },
  {
    gate: 'import rules',
    fault: 'a library that knows the control plane',
    changes: { 'libs/a.ts': "import '#control/main.ts';\n" },
    says: /libs must not import control-plane/,
  },
  {
    gate: 'import rules',
    fault: 'a barrel by name',
    changes: { 'libs/index.ts': 'export const x = 1;\n' },
    says: /no barrels/,
  },
];

for (const name of ['types', 'lint', 'format', 'unused code', 'import rules']) {
  test(`gate ${name} passes a sound tree`, async (t) => {
    const result = await run(name, tree(t));
    assert.ok(result.passed, result.output);
  });
}

for (const { gate, fault, changes, says } of FAULTS) {
  test(`gate ${gate} fails on ${fault}`, async (t) => {
    const result = await run(gate, tree(t, changes));
    assert.equal(result.passed, false);
    assert.match(result.output, says);
  });
}

test('gate generated files passes the contracts as they stand and fails on a stale file', async (t) => {
  const root = contractTree(t);
  const sound = await run('generated files', root);
  assert.ok(sound.passed, sound.output);
  for (const path of ['contract/generated/tenant.ts', 'contract/generated/provider.json', 'docs/errors.md']) {
    writeFileSync(join(root, path), 'edited by hand\n');
  }
  const stale = await run('generated files', root);
  assert.equal(stale.passed, false);
  assert.match(stale.output, /tenant\.ts is stale[\s\S]*provider\.json is stale|errors\.md is stale/);
});

test('gate contract passes the contracts as they stand, names what is planned, and fails on an operation without permission', async (t) => {
  const root = contractTree(t);
  const sound = await run('contract', root);
  assert.ok(sound.passed, sound.output);
  assert.match(sound.output, /vpc\.yaml: planned/);
  const operation =
    "get: {operationId: getThing, summary: s, responses: {'200': {description: d}, '401': {description: d}, '403': {description: d}}}";
  writeFileSync(
    join(root, 'contract', 'tenant', 'things.yaml'),
    `openapi: 3.1.0\ninfo: {title: t, version: '1'}\nsecurity: [{bearerJwt: []}]\npaths:\n  /things:\n    ${operation}\n`,
  );
  const broken = await run('contract', root);
  assert.equal(broken.passed, false);
  assert.match(broken.output, /getThing has no x-permission/);
});

test('an operation without a handler does not compile', async (t) => {
  const root = tree(t);
  for (const name of ['contract', 'libs/contract-runtime'])
    cpSync(join(HERE, name), join(root, name), { recursive: true });
  const manifest = {
    name: 'fixture',
    type: 'module',
    imports: { '#libs/*': './libs/*', '#contract/*': './contract/*' },
  };
  writeFileSync(join(root, 'package.json'), JSON.stringify(manifest));
  mkdirSync(join(root, 'test'));
  writeFileSync(
    join(root, 'test', 'handlers.ts'),
    `import type { Operations } from '#contract/generated/tenant.ts';
import { reply } from '#libs/contract-runtime/call.ts';
import type { Handlers } from '#libs/contract-runtime/call.ts';

export const handlers: Handlers<Pick<Operations, 'getRole' | 'listRoles'>> = { listRoles: async () => reply.ok([]) };
`,
  );
  rmSync(join(root, 'control-plane'), { recursive: true });
  const result = await run('types', root);
  assert.equal(result.passed, false);
  assert.match(result.output, /test\/handlers\.ts.*getRole/s);
});
