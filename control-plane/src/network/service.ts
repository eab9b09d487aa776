/** Networks as instances use them: addresses, and ports on the data path. */
import { hostName } from '#libs/dns/host-name.ts';
import type { Database, Session } from '../database/database.ts';
import { OperationFailed } from '../workflow/operation.ts';
import type { NetworkDriver, NetworkSpec, PortSpec } from './driver/driver.ts';
import {
  findNetwork,
  giveAddressBack,
  listAllNetworks,
  listAllPorts,
  type NetworkRow,
  type PortRow,
  portsOfMachine,
  takeFreedAddress,
  takeNewAddress,
} from './store.ts';

export interface NetworkParts {
  readonly database: Database;
  readonly network: NetworkDriver;
}

/** @throws OperationFailed `addresses_exhausted` */
export async function takeAddress(session: Session, networkId: string): Promise<string> {
  const address =
    (await session.first(takeNewAddress, networkId)) ?? (await session.first(takeFreedAddress, networkId));
  if (address === null)
    throw new OperationFailed(
      'addresses_exhausted',
      'The network has no free address left. Delete adapters that are not used, or use another network.',
    );
  return address.ipv4;
}

export async function giveBackAddress(session: Session, networkId: string, ipv4: string): Promise<void> {
  await session.run(giveAddressBack, networkId, ipv4);
}

/** Puts the machine's ports, or one of them, on the data path; the network comes first, because it may never have been used. */
export async function plugPorts(parts: NetworkParts, machineId: string, onlyPort: string | null = null): Promise<void> {
  const ports = (await parts.database.asPlatform((session) => session.rows(portsOfMachine, machineId))).filter(
    (port) => onlyPort === null || port.id === onlyPort,
  );
  for (const networkId of new Set(ports.map((port) => port.networkId))) {
    const row = await parts.database.asPlatform((session) => session.first(findNetwork, networkId));
    if (row !== null) await parts.network.putNetwork(networkSpec(row));
  }
  await Promise.all(ports.map((port) => parts.network.putPort(portSpec(port))));
}

/** The whole wanted state of the data path. Take the time before calling: what is put later is newer. */
export async function wantedNetworks(database: Database): Promise<{ networks: NetworkSpec[]; ports: PortSpec[] }> {
  return database.asPlatform(async (session) => ({
    networks: (await session.rows(listAllNetworks)).map(networkSpec),
    ports: (await session.rows(listAllPorts)).map(portSpec),
  }));
}

function networkSpec(row: NetworkRow): NetworkSpec {
  const { id, tenantId, name, cidr, gateway, mtu, dnsServers } = row;
  return { id, tenantId, name, cidr, gateway, mtu, dhcp: true, dnsServers };
}

function portSpec(row: PortRow): PortSpec {
  const { id, networkId, tenantId, macAddress, ipv4, hostname } = row;
  return { id, networkId, tenantId, macAddress, ipv4, hostname: hostName(hostname), enabled: true };
}
