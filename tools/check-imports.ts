/** `node tools/check-imports.ts [--root DIR]`: prints every violation of the import rules and exits 1 when there is one. */
import { globSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { readImports } from './import-graph.ts';
import { checkImports } from './import-rules.ts';

const { values } = parseArgs({ options: { root: { type: 'string' } } });
const root = values.root ?? resolve(import.meta.dirname, '..');
const files = globSync('**/*.ts', { cwd: root, exclude: ['**/node_modules/**', 'contract/generated/**'] }).toSorted();
const problems = checkImports(files, readImports(root, files));
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (files.length === 0) process.stderr.write(`no TypeScript files under ${root}\n`);
process.exitCode = problems.length === 0 && files.length > 0 ? 0 : 1;
