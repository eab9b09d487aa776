import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '#libs/process/run.ts';
import { writeFileAtomic } from '#libs/process/atomic-file.ts';
import { underlayDevice } from './fabric.ts';
import { ensureDatabase } from './ovsdb-file.ts';
import { daemonEnvironment } from './ovs-environment.ts';
import { startAll } from './runner.ts';
import type { JobSpec, ProcessSpec, ServiceSpec } from './process-spec.ts';

/** Which Open vSwitch datapath: the kernel's, or the one inside ovs-vswitchd where the kernel has none. */
export type Datapath = 'system' | 'netdev';

/** One host's share of the network. */
export interface HostNetworkOptions {
  /** Chassis name in OVN (`system-id`): the host's name. */
  readonly host: string;
  readonly namespace: string;
  /** Folder of `conf.db`. */
  readonly dir: string;
  /** Folder of the sockets (`ovs.sock`, control sockets, bridge sockets); keep it short. */
  readonly runDir: string;
  /** Address with prefix length on the underlay. */
  readonly underlay: string;
  /** OVSDB remote of the OVN southbound database. */
  readonly southbound: string;
  readonly datapath: Datapath;
  readonly mtu: number;
  /** Names of what must run before, e.g. `ovn-sb`. */
  readonly dependsOn?: readonly string[];
}

/** The processes of one host's network, in order, and the socket of its switch database. */
export interface HostNetwork {
  readonly specs: readonly ProcessSpec[];
  readonly dbSocket: string;
  readonly bridge: 'br-int';
}

/** {@link prepareHostNetwork}, then starts everything itself; for tests and tools. */
export async function startHostNetwork(options: HostNetworkOptions): Promise<HostNetwork & { stop(): Promise<void> }> {
  const network = await prepareHostNetwork(options);
  const stop = await startAll(network.specs, options.runDir);
  return { ...network, stop };
}

/** Whether the kernel has the openvswitch datapath; tries to load it. */
export async function detectDatapath(): Promise<Datapath> {
  if (existsSync('/sys/module/openvswitch')) return 'system';
  await run(['modprobe', 'openvswitch']).catch(() => undefined);
  return existsSync('/sys/module/openvswitch') ? 'system' : 'netdev';
}

/**
 * Makes the switch database when missing and answers what is to run: ovsdb-server, ovs-vswitchd, the set-up of bridges and
 * addresses (again after every restart of the switch: its internal ports die with it), ovn-controller.
 */
export async function prepareHostNetwork(options: HostNetworkOptions): Promise<HostNetwork> {
  mkdirSync(options.runDir, { recursive: true });
  await ensureDatabase(join(options.dir, 'conf.db'), '/usr/share/openvswitch/vswitch.ovsschema');
  const dbSocket = join(options.runDir, 'ovs.sock');
  const name = (part: string): string => `${options.host}-${part}`;
  const addresses = join(options.runDir, 'underlay.batch');
  writeFileAtomic(addresses, addressCommands(options));
  const setup: JobSpec = {
    kind: 'job',
    name: name('ovs-setup'),
    argv: ['ovs-vsctl', `--db=unix:${dbSocket}`, '--timeout=30', ...switchSettings(options)],
    dependsOn: [name('vswitchd')],
    timeoutMs: 35_000,
    afterRespawn: true,
  };
  const address: JobSpec = {
    kind: 'job',
    name: name('underlay'),
    argv: ['ip', '-force', '-n', options.namespace, '-batch', addresses],
    dependsOn: [name('ovs-setup')],
    timeoutMs: 10_000,
    afterRespawn: true,
  };
  const specs = [
    switchDatabase(options, name('ovsdb')),
    switchDaemon(options, name),
    setup,
    address,
    controller(options, name),
  ];
  return { specs, dbSocket, bridge: 'br-int' };
}

function switchDatabase(options: HostNetworkOptions, name: string): ServiceSpec {
  const socket = join(options.runDir, 'ovs.sock');
  return {
    kind: 'service',
    name,
    argv: [
      'ovsdb-server',
      join(options.dir, 'conf.db'),
      `--remote=punix:${socket}`,
      `--unixctl=${join(options.runDir, 'ovsdb.ctl')}`,
      '-vconsole:info',
      '-vsyslog:off',
    ],
    env: daemonEnvironment(options.runDir),
    netns: options.namespace,
    dependsOn: [],
    ready: { kind: 'unix-socket', path: socket },
    readyTimeoutMs: 20_000,
    stop: { graceMs: 5_000 },
    servesGuests: true,
    facts: { socket },
  };
}

function switchDaemon(options: HostNetworkOptions, name: (part: string) => string): ServiceSpec {
  const control = join(options.runDir, 'vswitchd.ctl');
  return {
    kind: 'service',
    name: name('vswitchd'),
    argv: [
      'ovs-vswitchd',
      `unix:${join(options.runDir, 'ovs.sock')}`,
      `--unixctl=${control}`,
      '-vconsole:info',
      '-vsyslog:off',
    ],
    env: daemonEnvironment(options.runDir),
    netns: options.namespace,
    dependsOn: [name('ovsdb')],
    ready: { kind: 'unix-socket', path: control },
    readyTimeoutMs: 20_000,
    stop: { graceMs: 5_000 },
    servesGuests: true,
    facts: { datapath: options.datapath },
  };
}

function controller(options: HostNetworkOptions, name: (part: string) => string): ServiceSpec {
  // This daemon has no --unixctl: its control socket is found by the pid file in its run folder.
  const pidFile = join(options.runDir, 'ovn-controller.pid');
  const tell = ['env', `OVN_RUNDIR=${options.runDir}`, 'ovn-appctl', '--timeout=5', '-t', 'ovn-controller'] as const;
  return {
    kind: 'service',
    name: name('ovn-controller'),
    argv: [
      'ovn-controller',
      `unix:${join(options.runDir, 'ovs.sock')}`,
      `--pidfile=${pidFile}`,
      '-vconsole:info',
      '-vsyslog:off',
    ],
    env: daemonEnvironment(options.runDir),
    netns: options.namespace,
    dependsOn: [name('underlay'), ...(options.dependsOn ?? [])],
    ready: { kind: 'command', argv: [...tell, 'connection-status'], prints: 'connected' },
    readyTimeoutMs: 30_000,
    // `--restart` keeps the flows and the chassis record: guests that stay keep talking.
    stop: { argv: [...tell, 'exit', '--restart'], graceMs: 5_000 },
    servesGuests: true,
    facts: { encapsulation: encapsulation(options.datapath), underlay: options.underlay },
  };
}

function encapsulation(datapath: Datapath): string {
  return datapath === 'system' ? 'geneve' : 'vxlan';
}

function switchSettings(options: HostNetworkOptions): string[] {
  const [address = ''] = options.underlay.split('/');
  const ids = {
    'system-id': options.host,
    hostname: options.host,
    'ovn-remote': options.southbound,
    'ovn-encap-type': encapsulation(options.datapath),
    'ovn-encap-ip': address,
    'ovn-bridge': 'br-int',
    'ovn-bridge-datapath-type': options.datapath,
  };
  const external = Object.entries(ids).map(([key, value]) => `external_ids:${key}="${value}"`);
  const bridge = (name: string, failMode: string): string[] => [
    ...['--', '--may-exist', 'add-br', name],
    ...[
      '--',
      'set',
      'Bridge',
      name,
      `datapath_type=${options.datapath}`,
      `fail_mode=${failMode}`,
      'other_config:disable-in-band=true',
    ],
  ];
  const settings = ['--', 'set', 'Open_vSwitch', '.', ...external, ...bridge('br-int', 'secure')];
  if (options.datapath === 'system') return settings;
  // Userspace tunnels leave through a userspace bridge: it holds the card, and its own port the address (OVS: userspace tunneling).
  return [
    ...settings,
    ...bridge('br-phy', 'standalone'),
    ...['--', '--may-exist', 'add-port', 'br-phy', underlayDevice],
    ...['--', 'set', 'Interface', 'br-phy', `mtu_request=${options.mtu}`],
  ];
}

function addressCommands(options: HostNetworkOptions): string {
  const device = options.datapath === 'system' ? underlayDevice : 'br-phy';
  const lines = [
    'link set lo up',
    `link set ${underlayDevice} up`,
    `address replace ${options.underlay} dev ${device}`,
    `link set ${device} up`,
  ];
  return `${lines.join('\n')}\n`;
}
