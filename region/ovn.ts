import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ensureDatabase } from './ovsdb-file.ts';
import { daemonEnvironment } from './ovs-environment.ts';
import type { ServiceSpec } from './process-spec.ts';
import { startAll } from './runner.ts';

/** Where the OVN databases lie and where their sockets are. */
export interface OvnCentralOptions {
  /** Folder of `nb.db` and `sb.db`. */
  readonly dir: string;
  /** Folder of the sockets; keep it short. */
  readonly runDir: string;
}

/** The three processes of OVN central and how to reach its databases. */
export interface OvnCentral {
  readonly specs: readonly ServiceSpec[];
  /** OVSDB remotes, as `ovn-nbctl --db` takes them. */
  readonly northbound: string;
  readonly southbound: string;
}

const schemas = '/usr/share/ovn';

/** Makes the databases when missing and answers what is to run. */
export async function prepareOvnCentral(options: OvnCentralOptions): Promise<OvnCentral> {
  mkdirSync(options.runDir, { recursive: true });
  await Promise.all(
    (['nb', 'sb'] as const).map(async (which) =>
      ensureDatabase(join(options.dir, `${which}.db`), `${schemas}/ovn-${which}.ovsschema`),
    ),
  );
  const northbound = `unix:${join(options.runDir, 'nb.sock')}`;
  const southbound = `unix:${join(options.runDir, 'sb.sock')}`;
  const control = join(options.runDir, 'northd.ctl');
  const northd: ServiceSpec = {
    kind: 'service',
    name: 'ovn-northd',
    argv: [
      'ovn-northd',
      `--ovnnb-db=${northbound}`,
      `--ovnsb-db=${southbound}`,
      `--unixctl=${control}`,
      '-vconsole:info',
      '-vsyslog:off',
    ],
    env: daemonEnvironment(options.runDir),
    dependsOn: ['ovn-nb', 'ovn-sb'],
    // Only the active one of several northd translates; ours is alone.
    ready: { kind: 'command', argv: ['ovn-appctl', '--timeout=5', '-t', control, 'status'], prints: 'active' },
    readyTimeoutMs: 20_000,
    stop: { graceMs: 5_000 },
    servesGuests: false,
  };
  return { specs: [database('nb', options), database('sb', options), northd], northbound, southbound };
}

/** {@link prepareOvnCentral}, then starts everything itself; for tests and tools. */
export async function startOvnCentral(options: OvnCentralOptions): Promise<OvnCentral & { stop(): Promise<void> }> {
  const central = await prepareOvnCentral(options);
  const stop = await startAll(central.specs, options.runDir);
  return { ...central, stop };
}

function database(which: 'nb' | 'sb', options: OvnCentralOptions): ServiceSpec {
  const socket = join(options.runDir, `${which}.sock`);
  return {
    kind: 'service',
    name: `ovn-${which}`,
    argv: [
      'ovsdb-server',
      join(options.dir, `${which}.db`),
      `--remote=punix:${socket}`,
      `--unixctl=${join(options.runDir, `${which}.ctl`)}`,
      '-vconsole:info',
      '-vsyslog:off',
    ],
    env: daemonEnvironment(options.runDir),
    dependsOn: [],
    ready: { kind: 'unix-socket', path: socket },
    readyTimeoutMs: 20_000,
    stop: { graceMs: 5_000 },
    servesGuests: false,
    facts: { socket },
  };
}
