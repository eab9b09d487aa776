/** `node tools/trim-lock.ts` after a change of dependencies: makes package-lock.json one that `npm ci` takes (see lock-file.ts). */
import { readFileSync, writeFileSync } from 'node:fs';
import { dropAbsentOptionals } from './lock-file.ts';
import type { LockFile } from './lock-file.ts';

const file = new URL('../package-lock.json', import.meta.url);
const lock = JSON.parse(readFileSync(file, 'utf8')) as LockFile;
for (const line of dropAbsentOptionals(lock)) process.stdout.write(`dropped ${line}\n`);
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`);
