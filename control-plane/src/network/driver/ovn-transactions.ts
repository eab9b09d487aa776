import { assertRow, byUuid, type Condition, type Operation } from '#libs/ovsdb/operations.ts';
import type { Replica } from '#libs/ovsdb/replica.ts';
import type { Row } from '#libs/ovsdb/row.ts';
import { map, namedUuid, set, uuid, type WireRow } from '#libs/ovsdb/values.ts';
import type { NetworkSpec, PortSpec } from './driver.ts';
import { encodeRow, matches, PUT_AT, type WantedRow } from './ovn-column.ts';
import { dhcpRow, NETWORK, PLATFORM_ACLS, portRow, switchRow } from './ovn-rows.ts';

/*
 * Rows carry the ids of what they stand for (`uuid` of insert, ovsdb-server(7) §5.2.1): the same thing can never be inserted
 * twice, and every look-up is by UUID, which the server answers from a hash table. What a transaction takes from the replica
 * is asserted by `wait` in the transaction itself, so a replica that lags makes it fail and never makes it wrong.
 */

/** Operations for a network as wanted: switch, platform ACLs and DHCP options. */
export function putNetworkOperations(replica: Replica, spec: NetworkSpec, now: number): Operation[] {
  const operations: Operation[] = [];
  const seen = replica.row('Logical_Switch', spec.id);
  const wanted = switchRow(spec);
  if (seen === undefined) {
    const acls = PLATFORM_ACLS.map((_, index) => namedUuid(aclName(index)));
    operations.push(...insertAcls(), {
      op: 'insert',
      table: 'Logical_Switch',
      uuid: spec.id,
      row: { ...stamped(wanted, now), acls: set(acls) },
    });
  } else {
    operations.push(
      assertRow('Logical_Switch', spec.id, {
        external_ids: map(seen.map('external_ids')),
        acls: set([...seen.texts('acls')].map(uuid)),
      }),
    );
    const change: WireRow = matches(seen, wanted) ? {} : stamped(wanted, now);
    if (!hasPlatformAcls(replica, seen)) {
      operations.push(...insertAcls());
      change['acls'] = set(PLATFORM_ACLS.map((_, index) => namedUuid(aclName(index))));
    }
    if (Object.keys(change).length > 0)
      operations.push({ op: 'update', table: 'Logical_Switch', where: byUuid(spec.id), row: change });
  }
  operations.push(...putDhcpOperations(replica, spec));
  return operations;
}

function putDhcpOperations(replica: Replica, spec: NetworkSpec): Operation[] {
  const wanted = dhcpRow(spec);
  const seen = replica.row('DHCP_Options', spec.id);
  if (wanted === null) return [{ op: 'delete', table: 'DHCP_Options', where: byUuid(spec.id) }];
  if (seen !== undefined) {
    const assert = assertRow('DHCP_Options', spec.id);
    return matches(seen, wanted)
      ? [assert]
      : [assert, { op: 'update', table: 'DHCP_Options', where: byUuid(spec.id), row: encodeRow(wanted) }];
  }
  // Ports that were put while there were no options have lost their reference to them.
  const ports: Condition[] = [['external_ids', 'includes', map({ [NETWORK]: spec.id })]];
  return [
    { op: 'insert', table: 'DHCP_Options', uuid: spec.id, row: encodeRow(wanted) },
    ...(replica.row('Logical_Switch', spec.id) === undefined
      ? []
      : [
          {
            op: 'update',
            table: 'Logical_Switch_Port',
            where: ports,
            row: { dhcpv4_options: uuid(spec.id) },
          } satisfies Operation,
        ]),
  ];
}

/** Index of the operation in {@link putPortOperations} that fails when the network does not exist. */
export const NETWORK_ASSERTION = 0;

/** Operations for a port as wanted, on the one switch it belongs to. */
export function putPortOperations(replica: Replica, spec: PortSpec, now: number): Operation[] {
  const operations: Operation[] = [assertRow('Logical_Switch', spec.networkId)];
  const seen = replica.row('Logical_Switch_Port', spec.id);
  const wanted = portRow(spec);
  const row = { ...stamped(wanted, now), dhcpv4_options: uuid(spec.networkId) };
  const attach: Operation = {
    op: 'mutate',
    table: 'Logical_Switch',
    where: byUuid(spec.networkId),
    mutations: [['ports', 'insert', uuid(spec.id)]],
  };
  if (seen === undefined)
    return [...operations, { op: 'insert', table: 'Logical_Switch_Port', uuid: spec.id, row }, attach];
  operations.push(assertRow('Logical_Switch_Port', spec.id, { external_ids: map(seen.map('external_ids')) }));
  if (!portIsAsWanted(replica, seen, spec))
    operations.push({ op: 'update', table: 'Logical_Switch_Port', where: byUuid(spec.id), row });
  return [...operations, detachFromOthers(spec.id, spec.networkId), attach];
}

/** Whether the port's row, its switch aside, is as wanted. */
export function portIsAsWanted(replica: Replica, row: Row, spec: PortSpec): boolean {
  const hasOptions = replica.row('DHCP_Options', spec.networkId) !== undefined;
  return (
    matches(row, portRow(spec)) && row.optionalText('dhcpv4_options') === (hasOptions ? spec.networkId : undefined)
  );
}

/** Whether switch, ACLs and DHCP options of a network are as wanted. */
export function networkIsAsWanted(replica: Replica, spec: NetworkSpec): boolean {
  const row = replica.row('Logical_Switch', spec.id);
  const options = replica.row('DHCP_Options', spec.id);
  const wantedOptions = dhcpRow(spec);
  if (row === undefined || !matches(row, switchRow(spec)) || !hasPlatformAcls(replica, row)) return false;
  return wantedOptions === null ? options === undefined : options !== undefined && matches(options, wantedOptions);
}

/** Takes the port off every switch but one. Searches all switches, which a new port is spared. */
function detachFromOthers(portId: string, networkId: string): Operation {
  const where: Condition[] = [
    ['ports', 'includes', uuid(portId)],
    ['_uuid', '!=', uuid(networkId)],
  ];
  return { op: 'mutate', table: 'Logical_Switch', where, mutations: [['ports', 'delete', uuid(portId)]] };
}

/** Removes a port from the switch it should be on, or, without `networkId`, from wherever it is. */
export function deletePortOperations(portId: string, networkId: string | undefined): Operation[] {
  const where: Condition[] = networkId === undefined ? [['ports', 'includes', uuid(portId)]] : byUuid(networkId);
  return [
    { op: 'mutate', table: 'Logical_Switch', where, mutations: [['ports', 'delete', uuid(portId)]] },
    { op: 'delete', table: 'Logical_Switch_Port', where: byUuid(portId) },
  ];
}

/** Removes a network; the server removes the ports and ACLs that nothing refers to any more. */
export function deleteNetworkOperations(networkId: string): Operation[] {
  return [
    { op: 'delete', table: 'Logical_Switch', where: byUuid(networkId) },
    { op: 'delete', table: 'DHCP_Options', where: byUuid(networkId) },
  ];
}

function hasPlatformAcls(replica: Replica, logicalSwitch: Row): boolean {
  const acls = [...logicalSwitch.texts('acls')].map((id) => replica.row('ACL', id));
  const hasAll = PLATFORM_ACLS.every((wanted) => acls.some((acl) => acl !== undefined && matches(acl, wanted)));
  return hasAll && acls.length === PLATFORM_ACLS.length;
}

function insertAcls(): Operation[] {
  return PLATFORM_ACLS.map((wanted, index) => ({
    op: 'insert',
    table: 'ACL',
    'uuid-name': aclName(index),
    row: encodeRow(wanted),
  }));
}

function aclName(index: number): string {
  return `acl${index}`;
}

function stamped(wanted: WantedRow, now: number): WireRow {
  const row = encodeRow(wanted);
  const ids = wanted['external_ids'];
  return { ...row, external_ids: map({ ...(ids as Record<string, string>), [PUT_AT]: String(now) }) };
}
