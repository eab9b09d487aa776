/** The checks that every change passes; each is one command that exits 0 or says what is wrong. */
import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';

export interface Gate {
  name: string;
  /** Arguments for Node; `root` is the tree to look at. */
  args: (root: string) => string[];
}

export interface GateResult {
  name: string;
  passed: boolean;
  output: string;
  durationMs: number;
}

const HERE = resolve(import.meta.dirname, '..');
const GATE_TIMEOUT_MS = 180_000;

const binary = (...path: string[]): string => join(HERE, 'node_modules', ...path);
const tool = (name: string): string => join(HERE, 'tools', name);

export const GATES: readonly Gate[] = [
  { name: 'types', args: (root) => [binary('typescript', 'bin', 'tsc'), '-p', root, '--pretty', 'false'] },
  { name: 'lint', args: () => [binary('oxlint', 'bin', 'oxlint'), '--deny-warnings', '-f', 'unix'] },
  { name: 'format', args: () => [binary('oxfmt', 'bin', 'oxfmt'), '--list-different'] },
  { name: 'unused code', args: () => [binary('knip', 'bin', 'knip.js'), '--no-progress', '--no-config-hints'] },
  { name: 'import rules', args: (root) => [tool('check-imports.ts'), '--root', root] },
  { name: 'contract', args: (root) => [tool('check-contract.ts'), '--root', root] },
  { name: 'generated files', args: (root) => [tool('generate.ts'), '--check', '--root', root] },
];

/** Runs one gate on a tree. A gate that does not end within three minutes has failed. */
export async function runGate(gate: Gate, root = HERE): Promise<GateResult> {
  const started = performance.now();
  const output: string[] = [];
  const child = spawn(process.execPath, gate.args(root), {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: GATE_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => output.push(text));
  }
  const passed = await new Promise<boolean>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => done(code === 0));
  });
  return { name: gate.name, passed, output: output.join(''), durationMs: performance.now() - started };
}
