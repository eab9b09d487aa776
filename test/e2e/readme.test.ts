/** The walk-through of the README, copied block by block into a shell, against a simulated region. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { run } from '#libs/process/run.ts';
import { ProductRegion } from '#test/support/product-region.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');

/** The README's blocks for a POSIX shell, in order. */
function shellBlocks(): string[] {
  return [...readme.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);
}

test('README: the tour works when copied line by line', { timeout: 300_000 }, async (t) => {
  const region = await ProductRegion.prepare({});
  t.after(() => region.remove());
  const blocks = shellBlocks();
  assert.ok(blocks.length >= 8, 'the tour is there');
  // Only what a reader without root would change: the mode; and the free ports that keep tests apart.
  const simulated = `./bastide up --simulated --topology ${region.topologyFile} --detach`;
  const script = blocks.join('\n').replace('./bastide up --detach', simulated);
  assert.ok(script.includes(simulated));
  const env: NodeJS.ProcessEnv = { ...process.env, BASTIDE_STATE: region.stateDir };
  // The reader's Node stands first in the path, as on a machine that has one.
  env['PATH'] = `${dirname(process.execPath)}:${env['PATH'] ?? ''}`;
  for (const name of ['DATABASE_URL', 'NODE_TEST_CONTEXT']) delete env[name];
  // In a folder of its own: the tour leaves files.
  writeFileSync(join(region.dir, 'bastide'), `#!/bin/sh\nexec ${root}bastide "$@"\n`, { mode: 0o755 });
  const printed = await run(['sh', '-e'], { cwd: region.dir, env, input: script, timeoutMs: 280_000 });
  assert.match(printed, /"status":"running"/);
  assert.equal(printed.match(/"completed":/g)?.length, 7, printed);
  assert.match(printed, /Nothing is orphaned, nothing is missing/);
  assert.match(printed, /control-1 +ok/);
});

test('README: every file it links to exists', () => {
  const links = [...readme.matchAll(/\]\((?!https?:)([^)#]+)\)/g)].map(([, target = '']) => target);
  assert.ok(links.length > 5);
  assert.deepEqual(
    links.filter((target) => !existsSync(join(root, target))),
    [],
  );
});
