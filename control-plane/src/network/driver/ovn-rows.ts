import { createHash } from 'node:crypto';
import type { Replica, Selection } from '#libs/ovsdb/replica.ts';
import { NetworkRejected, type NetworkSpec, type PortSpec } from './driver.ts';
import { formatIpv4, isHostAddress, parseIpv4, parsePrefix } from './ipv4.ts';
import type { WantedRow } from './ovn-column.ts';

/** What the driver follows of the northbound database (ovn-nb(5)). */
export const NORTHBOUND_TABLES: Selection = {
  NB_Global: ['nb_cfg', 'sb_cfg', 'options'],
  Logical_Switch: ['name', 'ports', 'acls', 'other_config', 'external_ids'],
  Logical_Switch_Port: [
    'name',
    'addresses',
    'port_security',
    'enabled',
    'up',
    'dhcpv4_options',
    'options',
    'type',
    'external_ids',
  ],
  DHCP_Options: ['cidr', 'options', 'external_ids'],
  ACL: ['name', 'priority', 'direction', 'match', 'action'],
};

/** Marks rows as ours; the value is the tenant's id. */
export const TENANT = 'bastide:tenant';
export const NETWORK = 'bastide:network';
export const CIDR = 'bastide:cidr';
const NETWORK_NAME = 'bastide:name';

const LEASE_SECONDS = 86_400;
const VXLAN_NETWORKS_MAX = 4_095;
const VXLAN_PORTS_MAX = 2_047;
/** RFC 1123 §2.1. */
const HOST_NAME = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*$/i;

/**
 * Two of them are above every priority that tenants' security groups may use, so that no rule of a client can relax them
 * (SEC-01): a forged DHCP answer carries the sender's own addresses, so port security lets it pass. The last two let nothing
 * but ARP and IPv4 through; OVN cannot express "not ARP" in one match (ovn-sb(5), nominal fields).
 */
export const PLATFORM_ACLS: readonly WantedRow[] = [
  platformAcl('bastide-forged-dhcp-server', { priority: 32_000, match: 'udp.src == {67, 547}', action: 'drop' }),
  platformAcl('bastide-forged-router', {
    priority: 32_000,
    match: 'icmp4.type == {5, 9} || icmp6.type == {134, 137}',
    action: 'drop',
  }),
  platformAcl('bastide-arp-and-ipv4', { priority: 1, match: 'arp || ip4', action: 'allow' }),
  platformAcl('bastide-nothing-else', { priority: 0, match: '1', action: 'drop' }),
];

function platformAcl(name: string, rule: { priority: number; match: string; action: 'allow' | 'drop' }): WantedRow {
  return { name, direction: 'from-lport', ...rule };
}

/** The logical switch of a network, without its ports and ACLs. */
export function switchRow(spec: NetworkSpec): WantedRow {
  return {
    name: spec.id,
    // No `subnet`: PostgreSQL is the only place that allocates addresses. Multicast is flooded, as on a VLAN (NET-01).
    other_config: { mcast_snoop: 'false' },
    external_ids: { [TENANT]: spec.tenantId, [NETWORK_NAME]: spec.name, [CIDR]: spec.cidr },
  };
}

/**
 * The address from which a network's DHCP server answers: the gateway, or the first host address of a network without one.
 * It must not be allocated to a port.
 */
export function dhcpServerAddress(spec: Pick<NetworkSpec, 'cidr' | 'gateway'>): string {
  return spec.gateway ?? formatIpv4(parsePrefix(spec.cidr).first + 1);
}

/** The DHCP options of a network, or null when it has no DHCP. */
export function dhcpRow(spec: NetworkSpec): WantedRow | null {
  if (!spec.dhcp) return null;
  const options: Record<string, string> = {
    server_id: dhcpServerAddress(spec),
    server_mac: serverMac(spec.id),
    lease_time: String(LEASE_SECONDS),
    mtu: String(spec.mtu),
  };
  if (spec.gateway !== null) options['router'] = spec.gateway;
  if (spec.dnsServers.length > 0) options['dns_server'] = `{${spec.dnsServers.join(', ')}}`;
  return { cidr: spec.cidr, options, external_ids: { [TENANT]: spec.tenantId, [NETWORK]: spec.id } };
}

/** The logical switch port of an adapter. Its DHCP options have the network's id; OVSDB drops the reference when there are none. */
export function portRow(spec: PortSpec): WantedRow {
  const addresses = `${spec.macAddress} ${spec.ipv4}`;
  return {
    name: spec.id,
    type: '',
    addresses: [addresses],
    port_security: [addresses],
    enabled: spec.enabled,
    // OVN copies the value into a logical flow as it stands, hence the quotes and the strict form.
    options: spec.hostname !== undefined && HOST_NAME.test(spec.hostname) ? { hostname: `"${spec.hostname}"` } : {},
    external_ids: { [TENANT]: spec.tenantId, [NETWORK]: spec.networkId },
  };
}

/** @throws {NetworkRejected} when the data path could not carry such a network. */
export function checkNetwork(spec: NetworkSpec): void {
  rejecting(() => {
    const prefix = parsePrefix(spec.cidr);
    if (prefix.length > 30) throw new RangeError(`${spec.cidr} has no room for hosts`);
    if (spec.gateway !== null && !isHostAddress(prefix, parseIpv4(spec.gateway)))
      throw new RangeError(`gateway ${spec.gateway} is not a host of ${spec.cidr}`);
    spec.dnsServers.forEach(parseIpv4);
    if (!Number.isInteger(spec.mtu) || spec.mtu < 576 || spec.mtu > 65_535)
      throw new RangeError(`MTU out of range: ${spec.mtu}`);
  });
}

/**
 * `network` is what is known of the port's network.
 *
 * @throws {NetworkRejected} when the data path could not carry such a port.
 */
export function checkPort(
  spec: PortSpec,
  network: { cidr?: string | undefined; dhcpServer?: string | undefined },
): void {
  const { cidr, dhcpServer } = network;
  rejecting(() => {
    if (!/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/.test(spec.macAddress))
      throw new RangeError(`not a unicast MAC address: ${spec.macAddress}`);
    const address = parseIpv4(spec.ipv4);
    if (cidr !== undefined && !isHostAddress(parsePrefix(cidr), address))
      throw new RangeError(`${spec.ipv4} is not a host of ${cidr}`);
    if (spec.ipv4 === dhcpServer) throw new RangeError(`${spec.ipv4} is the address of the network's DHCP server`);
  });
}

/**
 * VXLAN carries 12 bits of network and 12 bits of port, half of the latter for multicast (ovn-architecture(7)); ovn-northd says by
 * `max_tunid` that it keeps to that. It would leave what is too many without a tunnel key, and guests without a network.
 *
 * @throws {NetworkRejected} when there is no room for one more port on the network.
 */
export function checkPortRoom(replica: Replica, networkId: string): void {
  const ports = replica.row('Logical_Switch', networkId)?.texts('ports').size ?? 0;
  if (isVxlan(replica) && ports >= VXLAN_PORTS_MAX)
    throw new NetworkRejected(`the network ${networkId} has ${ports} adapters, which is all that VXLAN can carry`);
}

/** @throws {NetworkRejected} when there is no room for one more network; see {@link checkPortRoom}. */
export function checkNetworkRoom(replica: Replica): void {
  const networks = replica.rows('Logical_Switch').size;
  if (isVxlan(replica) && networks >= VXLAN_NETWORKS_MAX)
    throw new NetworkRejected(`the region has ${networks} networks, which is all that VXLAN can carry`);
}

function isVxlan(replica: Replica): boolean {
  const [global] = replica.rows('NB_Global').values();
  return Number(global?.map('options').get('max_tunid') ?? Number.POSITIVE_INFINITY) <= VXLAN_NETWORKS_MAX;
}

function rejecting(check: () => void): void {
  try {
    check();
  } catch (cause) {
    if (cause instanceof RangeError) throw new NetworkRejected(cause.message, { cause });
    throw cause;
  }
}

/** A stable, locally administered address, so that every replica of the control plane writes the same. */
function serverMac(networkId: string): string {
  const hash = createHash('sha256').update(`dhcp ${networkId}`).digest('hex');
  return ['02', ...(hash.slice(0, 10).match(/../g) ?? [])].join(':');
}
