/**
 * `node tools/check-contract.ts [--root DIR]`: prints every violation and exits 1 when there is one; names the planned
 * documents, whose operations need no handler yet.
 */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';
import { checkContract } from './contract-rules.ts';

const { values } = parseArgs({ options: { root: { type: 'string' } } });
const root = values.root ?? resolve(import.meta.dirname, '..');
for (const name of ['tenant', 'provider']) {
  const { document, planned } = bundle({ folder: join(root, 'contract', name) });
  for (const file of planned) process.stdout.write(`contract/${name}/${file}: planned, skipped\n`);
  for (const problem of checkContract(document)) {
    process.stderr.write(`contract/${name}: ${problem}\n`);
    process.exitCode = 1;
  }
}
