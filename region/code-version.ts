import { createHash } from 'node:crypto';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const repository = fileURLToPath(new URL('..', import.meta.url));
const sources = ['control-plane', 'host-agent', 'array-agent', 'region/simulated', 'libs', 'contract'];

let known: string | undefined;

/** Changes whenever a source file or the set of packages does: an `up` after an upgrade restarts what runs the old code. */
export function codeVersion(): string {
  known ??= compute();
  return known;
}

/** The release, from package.json. */
export function release(): string {
  return (JSON.parse(readFileSync(`${repository}package.json`, 'utf8')) as { version: string }).version;
}

function compute(): string {
  const hash = createHash('sha256').update(readFileSync(`${repository}package-lock.json`));
  for (const folder of sources) {
    for (const entry of listFiles(`${repository}${folder}`)) {
      const { mtimeMs, size } = statSync(entry);
      hash.update(`${entry} ${size} ${mtimeMs}\n`);
    }
  }
  return hash.digest('hex').slice(0, 16);
}

function listFiles(folder: string): string[] {
  try {
    return readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && !entry.name.endsWith('.test.ts'))
      .map((entry) => `${entry.parentPath}/${entry.name}`)
      .toSorted();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
