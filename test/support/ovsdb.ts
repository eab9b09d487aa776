import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { run } from '#libs/process/run.ts';
import { spawnDetached } from '#libs/process/spawn.ts';
import { terminate } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';

/** A throw-away OVN northbound database served by a real ovsdb-server. */
export interface NorthboundServer {
  /** OVSDB connection method. */
  readonly endpoint: string;
  start(): Promise<void>;
  /** Ends the server, with SIGKILL if `graceMs` is 0; the data stay. */
  stop(graceMs?: number): Promise<void>;
  /** Runs `ovn-nbctl` with these arguments. */
  nbctl(...args: string[]): Promise<string>;
}

const SCHEMA = '/usr/share/ovn/ovn-nb.ovsschema';

/** Starts one for the length of the test, with more arguments for ovsdb-server, or skips the test by name of what is missing. */
export async function startNorthbound(
  t: TestContext,
  extraArguments: readonly string[] = [],
): Promise<NorthboundServer | undefined> {
  if (!existsSync(SCHEMA) || !existsSync('/usr/sbin/ovsdb-server')) {
    t.skip('needs ovsdb-server and the OVN northbound schema (ovn-central)');
    return undefined;
  }
  const dir = mkdtempSync(join(tmpdir(), 'bst-nb-'));
  const database = join(dir, 'nb.db');
  const socket = join(dir, 'nb.sock');
  const endpoint = `unix:${socket}`;
  let running: ProcessIdentity | undefined;
  const server: NorthboundServer = {
    endpoint,
    async start() {
      running = await spawnDetached({
        argv: [
          'ovsdb-server',
          database,
          `--remote=punix:${socket}`,
          `--unixctl=${join(dir, 'nb.ctl')}`,
          '--no-chdir',
          '-vconsole:warn',
          '-vsyslog:off',
          ...extraArguments,
        ],
        logFile: join(dir, 'nb.log'),
        env: { ...process.env, OVS_RUNDIR: dir, OVS_LOGDIR: dir, OVS_DBDIR: dir },
      });
      await waitFor(
        () =>
          run(['ovsdb-client', '--timeout=1', 'list-dbs', endpoint]).then(
            () => true,
            () => false,
          ),
        {
          what: 'ovsdb-server',
          timeoutMs: 10_000,
        },
      );
    },
    async stop(graceMs = 5_000) {
      if (running === undefined) return;
      await terminate(running, graceMs === 0 ? { signal: 'SIGKILL' } : { graceMs });
      running = undefined;
    },
    nbctl: (...args) => run(['ovn-nbctl', '--timeout=10', `--db=${endpoint}`, '--no-leader-only', ...args]),
  };
  t.after(async () => {
    await server.stop();
    rmSync(dir, { recursive: true, force: true });
  });
  await run(['ovsdb-tool', 'create', database, SCHEMA]);
  await server.start();
  return server;
}
