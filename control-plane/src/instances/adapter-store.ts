/** SQL of network adapters. */
import { statement } from '../database/statement.ts';

export interface AdapterRow {
  readonly id: string;
  readonly deviceIndex: number;
  readonly networkId: string;
  readonly networkName: string;
  readonly networkKind: 'private_backbone' | 'vpc';
  readonly macAddress: string;
  readonly guestIpv4: string | null;
  readonly guestIpv6: string | null;
  readonly provisionStatus: 'provisioning' | 'provisioned' | 'failed';
}
const columns = `a.id, a.device_index as "deviceIndex", a.network_id as "networkId", n.name as "networkName",
  n.kind as "networkKind", a.mac_address as "macAddress", a.guest_ipv4 as "guestIpv4", a.guest_ipv6 as "guestIpv6",
  a.provision_status as "provisionStatus"`;
const tables = `adapters a join networks n on n.id = a.network_id`;

/** Adapters that are there; one that is being made shows only while its machine is. */
export const listAdapters = statement<[machineId: string], AdapterRow>(
  'adapter_list',
  `select ${columns} from ${tables} where a.machine_id = $1 and a.provision_status <> 'failed' order by a.device_index`,
);
export const findAdapter = statement<[machineId: string, id: string], AdapterRow>(
  'adapter_find',
  `select ${columns} from ${tables} where a.machine_id = $1 and a.id = $2`,
);

export interface AdapterPlanRow {
  readonly id: string;
  readonly tenantId: string;
  readonly machineId: string;
  readonly networkId: string;
  readonly ipv4: string | null;
  readonly plugged: boolean;
  readonly provisionStatus: string;
}
const planColumns = `id, tenant_id as "tenantId", machine_id as "machineId", network_id as "networkId", host(ipv4) as ipv4, plugged,
  provision_status as "provisionStatus"`;
export const planAdapter = statement<[id: string], AdapterPlanRow>(
  'adapter_plan',
  `select ${planColumns} from adapters where id = $1`,
);
export const planAdapters = statement<[machineId: string], AdapterPlanRow>(
  'adapter_plan_all',
  `select ${planColumns} from adapters where machine_id = $1 order by device_index`,
);

export const insertAdapter = statement<
  [id: string, tenantId: string, machineId: string, networkId: string, deviceIndex: number, macAddress: string]
>(
  'adapter_insert',
  `insert into adapters (id, tenant_id, machine_id, network_id, device_index, mac_address, provision_status)
   values ($1, $2, $3, $4, $5, $6, 'provisioning')`,
);
export const setAdapterAddress = statement<[id: string, ipv4: string]>(
  'adapter_set_address',
  `update adapters set ipv4 = $2::inet, plugged = true where id = $1`,
);
export const setAdapterNetwork = statement<[id: string, networkId: string, ipv4: string]>(
  'adapter_set_network',
  `update adapters set network_id = $2, ipv4 = $3::inet, guest_ipv4 = null, guest_ipv6 = null where id = $1`,
);
export const setAdapterPlugged = statement<[id: string, plugged: boolean]>(
  'adapter_set_plugged',
  `update adapters set plugged = $2 where id = $1`,
);
export const finishAdapter = statement<[id: string]>(
  'adapter_finish',
  `update adapters set provision_status = 'provisioned' where id = $1`,
);
export const removeAdapter = statement<[id: string]>('adapter_remove', `delete from adapters where id = $1`);
