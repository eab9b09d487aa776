import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { run } from '#libs/process/run.ts';

/** The network namespaces of one region on one machine, and the wires between them. */
export interface FabricPlan {
  /** Holds the bridge that stands for the physical network between hosts. */
  readonly namespace: string;
  /** Of the wires; 9000 leaves guests their 1500 under any encapsulation. */
  readonly mtu: number;
  readonly hosts: readonly HostWire[];
}

/** One host's place on the fabric. */
export interface HostWire {
  readonly namespace: string;
  /** Device in the host's namespace that stands for its network card. */
  readonly device: string;
  /** Address with prefix length in the underlay, e.g. `100.127.0.11/24`. */
  readonly underlay: string;
}

/** Device that stands for the network card of a host. */
export const underlayDevice = 'underlay';
const bridge = 'fabric';

/** Six hexadecimal digits that tell the regions of one machine apart by their state folder. */
export function regionTag(stateDir: string): string {
  return createHash('sha256').update(stateDir).digest('hex').slice(0, 6);
}

/**
 * Namespace names and underlay addresses for a list of hosts; the same list gives the same plan.
 * @param prefix IPv4 network of the underlay, a /24 such as `100.127.0.0/24`.
 */
export function planFabric(tag: string, prefix: string, hostNames: readonly string[]): FabricPlan {
  const [network = ''] = prefix.split('/');
  const stem = network.split('.').slice(0, 3).join('.');
  return {
    namespace: `bst-${tag}-fabric`,
    mtu: 9000,
    hosts: hostNames.map((name, index) => ({
      namespace: `bst-${tag}-${name}`,
      device: underlayDevice,
      underlay: `${stem}.${index + 11}/24`,
    })),
  };
}

/** Makes what is missing: namespaces, bridge, one veth pair per host. Idempotent. Needs root. */
export async function ensureFabric(plan: FabricPlan): Promise<void> {
  if (!namespaceExists(plan.namespace)) await run(['ip', 'netns', 'add', plan.namespace]);
  await ip(plan.namespace, ['link set lo up']);
  if (!(await deviceExists(plan.namespace, bridge))) {
    await ip(plan.namespace, [`link add name ${bridge} mtu ${plan.mtu} type bridge forward_delay 0 mcast_snooping 0`]);
  }
  await ip(plan.namespace, [`link set ${bridge} up`]);
  for (const [index, host] of plan.hosts.entries()) await ensureWire(plan, host, `host${index + 1}`);
}

/** Removes the namespaces and everything in them. Processes that still live in one keep it alive, unnamed, until they end. */
export async function removeFabric(plan: FabricPlan): Promise<void> {
  for (const { namespace } of [...plan.hosts, plan]) {
    if (namespaceExists(namespace)) await run(['ip', 'netns', 'delete', namespace]);
  }
}

/** Whether a named network namespace exists. */
export function namespaceExists(namespace: string): boolean {
  return existsSync(`/run/netns/${namespace}`);
}

async function ensureWire(plan: FabricPlan, host: HostWire, peer: string): Promise<void> {
  if (!namespaceExists(host.namespace)) await run(['ip', 'netns', 'add', host.namespace]);
  if (!(await deviceExists(host.namespace, host.device))) {
    await ip(host.namespace, [
      `link add ${host.device} mtu ${plan.mtu} type veth peer name ${peer} mtu ${plan.mtu} netns ${plan.namespace}`,
    ]);
  }
  await ip(plan.namespace, [`link set ${peer} master ${bridge} up`]);
  await ip(host.namespace, ['link set lo up', `link set ${host.device} up`]);
}

async function deviceExists(namespace: string, device: string): Promise<boolean> {
  const links = JSON.parse(await run(['ip', '-n', namespace, '-j', 'link', 'show'])) as { ifname?: string }[];
  return links.some((link) => link.ifname === device);
}

async function ip(namespace: string, lines: readonly string[]): Promise<void> {
  await run(['ip', '-n', namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
}
