/** A private network as it is wanted: one layer-2 segment that belongs to one tenant (NET-01, SEC-01). */
export interface NetworkSpec {
  /** Lower-case UUID; the only identity the data path knows. */
  id: string;
  tenantId: string;
  /** Shown to operators only; may change and need not be unique. */
  name: string;
  /** IPv4 prefix in CIDR notation, such as `10.0.0.0/24`. */
  cidr: string;
  /** Router address given out by DHCP; null on a network without a way out. */
  gateway: string | null;
  /** Largest IP packet in bytes that guests may send. */
  mtu: number;
  dhcp: boolean;
  /** IPv4 addresses of the name servers given out by DHCP; none when empty. */
  dnsServers: string[];
}

/** A network adapter as it is wanted. */
export interface PortSpec {
  /** Adapter id; also the `iface-id` that the host agent sets on the guest's tap. */
  id: string;
  networkId: string;
  tenantId: string;
  macAddress: string;
  /** The address allocated to the adapter: DHCP gives it out, port security lets nothing else pass. */
  ipv4: string;
  /** A disabled port stays defined and passes nothing. */
  enabled: boolean;
  /** Given out by DHCP when it is a host name (RFC 1123); left out otherwise. */
  hostname?: string;
}

/** What the data path holds of ours. */
export interface NetworkInventory {
  networks: string[];
  /** `bound`: a chassis carries the port and its flows are in place; `chassis`: that host's name. */
  ports: { id: string; networkId: string; bound: boolean; chassis: string | null }[];
}

/** Everything that should exist. */
export interface WantedState {
  networks: NetworkSpec[];
  ports: PortSpec[];
  /**
   * When the lists were read, in milliseconds since the epoch. What was put later is left as it is, so that a reconciler
   * never undoes a workflow that ran beside it. Without it everything is made equal.
   */
  readAt?: number;
}

/**
 * The data path behind one interface. Every call takes the whole wanted state and may be repeated at will, from any
 * number of control-plane replicas.
 *
 * @throws {NetworkUnavailable} when the data path cannot be reached; the call may be repeated.
 * @throws {NetworkRejected} when the wanted state cannot be put in place; repeating it changes nothing.
 */
export interface NetworkDriver {
  putNetwork(spec: NetworkSpec): Promise<void>;
  /** Removes the network and every port on it. Succeeds when there is none. */
  deleteNetwork(id: string): Promise<void>;
  /** Also moves a port to another network. The network must exist. */
  putPort(spec: PortSpec): Promise<void>;
  /** Succeeds when there is none. */
  deletePort(id: string): Promise<void>;
  /** Waits until a host carries the port and its flows are in place. False when that took longer than `timeoutMs`. */
  waitPortBound(id: string, timeoutMs: number): Promise<boolean>;
  inventory(): Promise<NetworkInventory>;
  /** Makes the data path equal to `wanted`: heals drift, removes what is ours and not wanted. */
  reconcile(wanted: WantedState): Promise<{ changed: number }>;
  /** Problems an operator should know of; empty when all is well. */
  healthy(): Promise<string[]>;
  close(): Promise<void>;
}

/** The data path did not answer: the call may or may not have taken effect and should be repeated. */
export class NetworkUnavailable extends Error {
  override readonly name = 'NetworkUnavailable';
  readonly retryable = true;
}

/** The data path refused the wanted state, such as a port on a network that does not exist. */
export class NetworkRejected extends Error {
  override readonly name = 'NetworkRejected';
  readonly retryable = false;
}
