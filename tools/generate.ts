/**
 * Writes contract/generated and docs/errors.md from their sources, or with `--check` says which file is stale and exits 1.
 * `--root DIR` takes another tree (the gate's own test does).
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { renderErrorsPage } from '#libs/contract-runtime/errors-page.ts';
import { bundle } from './bundle.ts';
import { emitTypes } from './emit-types.ts';

const HERE = resolve(import.meta.dirname, '..');

/** Path from the root → content. */
function generate(root: string): Map<string, string> {
  const contract = join(root, 'contract');
  const tenant = bundle({ folder: join(contract, 'tenant') }, 'Bastide tenant API');
  const provider = bundle({ folder: join(contract, 'provider') });
  const host = bundle({ file: join(contract, 'agents', 'host.yaml') });
  const array = bundle({ file: join(contract, 'agents', 'array.yaml') });
  const types = {
    'tenant.ts': emitTypes(tenant.document, 'contract/tenant'),
    'provider.ts': emitTypes(provider.document, 'contract/provider'),
    'agent-host.ts': emitTypes(host.document, 'contract/agents/host.yaml'),
    'agent-array.ts': emitTypes(array.document, 'contract/agents/array.yaml'),
  };
  return new Map([
    ...Object.entries(formatted(types)).map(([name, text]) => [`contract/generated/${name}`, text] as const),
    ['docs/errors.md', renderErrorsPage()],
    ['contract/generated/tenant.json', `${JSON.stringify(tenant.document, undefined, 1)}\n`],
    ['contract/generated/provider.json', `${JSON.stringify(provider.document, undefined, 1)}\n`],
  ]);
}

/** Formats through oxfmt in a folder of its own, so that a check never touches the tree. */
function formatted(files: Record<string, string>): Record<string, string> {
  const folder = mkdtempSync(join(tmpdir(), 'bastide-gen-'));
  try {
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const oxfmt = join(HERE, 'node_modules', '.bin', 'oxfmt');
    const paths = Object.keys(files).map((name) => join(folder, name));
    const run = spawnSync(oxfmt, ['--config', join(HERE, '.oxfmtrc.json'), '--write', ...paths], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    if (run.status !== 0) throw new Error(`oxfmt failed on the generated types:\n${run.stdout}${run.stderr}`);
    return Object.fromEntries(Object.keys(files).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readOrUndefined(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false }, root: { type: 'string' } } });
const root = values.root ?? HERE;
const stale = [...generate(root)].filter(([path, text]) => readOrUndefined(join(root, path)) !== text);
if (values.check) {
  for (const [path] of stale) process.stderr.write(`${path} is stale: run node tools/generate.ts\n`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  for (const [path, text] of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
    process.stdout.write(`${path} written\n`);
  }
}
