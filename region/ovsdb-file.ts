import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { run } from '#libs/process/run.ts';

/** Makes a database file of this schema when missing, and brings an older one to the installed schema (a package upgrade). */
export async function ensureDatabase(file: string, schema: string): Promise<void> {
  mkdirSync(dirname(file), { recursive: true });
  if (!existsSync(file)) {
    const draft = `${file}.tmp`;
    rmSync(draft, { force: true });
    rmSync(`${dirname(draft)}/.${draft.slice(dirname(draft).length + 1)}.~lock~`, { force: true });
    await run(['ovsdb-tool', 'create', draft, schema]);
    renameSync(draft, file);
    return;
  }
  if ((await run(['ovsdb-tool', 'needs-conversion', file, schema])).trim() === 'yes')
    await run(['ovsdb-tool', 'convert', file, schema]);
}
