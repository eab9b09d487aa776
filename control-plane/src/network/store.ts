/** SQL of networks, their addresses and ports. */
import { statement } from '../database/statement.ts';

export interface NetworkRow {
  readonly id: string;
  readonly tenantId: string;
  readonly name: string;
  readonly kind: 'private_backbone' | 'vpc';
  readonly cidr: string;
  readonly gateway: string | null;
  readonly mtu: number;
  readonly dnsServers: string[];
}
const columns = `id, tenant_id as "tenantId", name, kind, cidr::text, host(gateway) as gateway, mtu, dns_servers as "dnsServers"`;

export const findNetwork = statement<[id: string], NetworkRow>(
  'network_find',
  `select ${columns} from networks where id = $1`,
);
export const listAllNetworks = statement<[], NetworkRow>('network_list_all', `select ${columns} from networks`);

/** Hands out the next address never used. No row when the range is used up. */
export const takeNewAddress = statement<[networkId: string], { ipv4: string }>(
  'address_take_new',
  `update networks set next_host = next_host + 1
   where id = $1 and next_host < (broadcast(cidr)::inet - network(cidr)::inet)
   returning host(network(cidr)::inet + (next_host - 1)) as ipv4`,
);
/** Hands out the address that was given back longest ago. */
export const takeFreedAddress = statement<[networkId: string], { ipv4: string }>(
  'address_take_freed',
  `delete from free_addresses where (network_id, ipv4) = (
     select network_id, ipv4 from free_addresses where network_id = $1 order by freed_at limit 1 for update skip locked)
   returning host(ipv4) as ipv4`,
);
export const giveAddressBack = statement<[networkId: string, ipv4: string]>(
  'address_give_back',
  `insert into free_addresses (network_id, ipv4) values ($1, $2::inet) on conflict do nothing`,
);

export interface PortRow {
  readonly id: string;
  readonly networkId: string;
  readonly tenantId: string;
  readonly macAddress: string;
  readonly ipv4: string;
  readonly hostname: string;
}
const portColumns = `a.id, a.network_id as "networkId", a.tenant_id as "tenantId", a.mac_address as "macAddress",
  host(a.ipv4) as ipv4, m.name as hostname`;
export const portsOfMachine = statement<[machineId: string], PortRow>(
  'port_of_machine',
  `select ${portColumns} from adapters a join machines m on m.id = a.machine_id where a.machine_id = $1 and a.ipv4 is not null`,
);
export const listAllPorts = statement<[], PortRow>(
  'port_list_all',
  `select ${portColumns} from adapters a join machines m on m.id = a.machine_id where a.ipv4 is not null and a.plugged`,
);
