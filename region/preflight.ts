import { accessSync, chmodSync, constants, existsSync, mkdirSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { run } from '#libs/process/run.ts';
import type { StatePaths } from './paths.ts';
import { allArrays, allHosts } from './topology.ts';
import type { Topology } from './topology.ts';

/** Something about the machine that makes a region impossible; the message says what to do. */
export class PreflightError extends Error {
  override name = 'PreflightError';
}

const gib = 1024 ** 3;
/**
 * Room to begin with: images, the scratch space of their builder, database and logs; a simulated region has only the last
 * two. One that was made before only needs enough to run.
 */
const freeGibMin = { real: 6, simulated: 1, again: 0.25 };
/** sun_path holds 107 bytes and a NUL (unix(7)). */
const socketPathMax = 107;

const programs: Readonly<Record<string, string>> = {
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-storage-daemon': 'qemu-system-common',
  'qemu-img': 'qemu-utils',
  'ovs-vswitchd': 'openvswitch-switch',
  'ovn-northd': 'ovn-central',
  'ovn-controller': 'ovn-host',
  ip: 'iproute2',
  nsenter: 'util-linux',
};

/** What a real region needs of the machine: root, programs, the tap device. Mends the tap device's mode. @throws PreflightError */
export async function checkMachine(): Promise<void> {
  if (process.platform !== 'linux')
    throw new PreflightError(`a real region needs Linux; on ${process.platform} use ./bastide up --simulated`);
  if (process.getuid?.() !== 0)
    throw new PreflightError(
      'namespaces, taps and cgroups need root: run as root or through sudo, or use ./bastide up --simulated',
    );
  const missing = Object.entries(programs).filter(([program]) => !onPath(program));
  if (missing.length > 0) {
    const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
    throw new PreflightError(
      `missing: ${missing.map(([program]) => program).join(', ')}; install the Debian packages ${packages}`,
    );
  }
  await ensureTapDevice();
}

/** What any region needs of its state folder: writable, room, paths that fit, reachable by other accounts. @throws PreflightError */
export function checkStateFolder(
  paths: StatePaths,
  topology: Topology,
  options: { readonly sharedWithAccounts: boolean; readonly kind: 'real' | 'simulated' | 'again' },
): void {
  try {
    mkdirSync(paths.root, { recursive: true, mode: 0o755 });
    accessSync(paths.root, constants.W_OK | constants.X_OK);
  } catch (cause) {
    throw new PreflightError(
      `cannot write to the state folder ${paths.root}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
  const { bavail, bsize } = statfsSync(paths.root);
  const free = bavail * bsize;
  const needed = freeGibMin[options.kind];
  if (free < needed * gib) {
    throw new PreflightError(
      `the disk of ${paths.root} has ${(free / gib).toFixed(1)} GiB free, a region needs ${needed} GiB: make room, or choose another place with --state`,
    );
  }
  const longest = [
    `${paths.postgresSocket}/.s.PGSQL.65535`,
    paths.simulatedSocket,
    ...allHosts(topology).map(({ host }) => `${paths.hostRun(host.name)}/ovn-controller.4194304.ctl`),
    ...allArrays(topology).map(({ array }) => `${paths.arrayRun(array.name)}/agent.sock`),
  ].reduce((a, b) => (b.length > a.length ? b : a));
  if (Buffer.byteLength(longest) > socketPathMax) {
    throw new PreflightError(
      `the state folder's path is too long: ${longest} would have ${Buffer.byteLength(longest)} bytes, a unix socket may have ${socketPathMax}; choose a shorter --state`,
    );
  }
  if (options.sharedWithAccounts) assertReachable(paths.root);
}

function assertReachable(folder: string): void {
  for (let path = folder; ; path = dirname(path)) {
    if ((statSync(path).mode & 0o001) === 0) {
      throw new PreflightError(
        `the accounts bastide-db, bastide-san and bastide-vm cannot pass through ${path} to ${folder}: choose another --state (e.g. /var/lib/bastide), or chmod o+x ${path}`,
      );
    }
    if (path === dirname(path)) return;
  }
}

async function ensureTapDevice(): Promise<void> {
  const device = '/dev/net/tun';
  if (!existsSync(device)) await run(['modprobe', 'tun']).catch(() => undefined);
  if (!existsSync(device)) throw new PreflightError(`${device} is missing: the kernel has no TUN/TAP driver`);
  // 0666 is udev's own default (50-udev-default.rules); without udev it may be closed to bastide-vm.
  if ((statSync(device).mode & 0o666) !== 0o666) chmodSync(device, 0o666);
}

function onPath(program: string): boolean {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.some((folder) => folder !== '' && existsSync(`${folder}/${program}`));
}
