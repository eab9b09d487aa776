import type { Replica } from '#libs/ovsdb/replica.ts';
import type { Row } from '#libs/ovsdb/row.ts';
import type { NetworkSpec, PortSpec, WantedState } from './driver.ts';
import { PUT_AT } from './ovn-column.ts';
import { NETWORK, TENANT } from './ovn-rows.ts';
import { networkIsAsWanted, portIsAsWanted } from './ovn-transactions.ts';
import { patientEach, patientFilter } from './patience.ts';

/** One thing to do; each is one transaction. */
export type Change =
  | { kind: 'put-network'; spec: NetworkSpec }
  | { kind: 'put-port'; spec: PortSpec }
  | { kind: 'delete-network'; id: string }
  | { kind: 'delete-port'; id: string };

/** Clocks of the control-plane replicas may differ by this much. */
const CLOCK_SKEW_MS = 5_000;

/**
 * What has to be done to make the northbound database equal to `wanted`, in stages: networks, ports, removals. Changes that come
 * in meanwhile may or may not be seen; {@link isOutdated} tells when a change is due.
 */
export async function planReconciliation(replica: Replica, wanted: WantedState): Promise<Change[][]> {
  const switchOf = await switchesOfPorts(replica);
  const networks = new Set(wanted.networks.map((spec) => spec.id));
  const ports = new Set(wanted.ports.map((spec) => spec.id));

  const putNetworks = await patientFilter(wanted.networks, (spec) => !networkIsAsWanted(replica, spec));
  const putPorts = await patientFilter(wanted.ports, (spec) => {
    const row = replica.row('Logical_Switch_Port', spec.id);
    return row === undefined || !portIsAsWanted(replica, row, spec) || switchOf.get(spec.id) !== spec.networkId;
  });
  const isUnwanted = (wantedIds: ReadonlySet<string>, [id, row]: [string, Row]): boolean =>
    !wantedIds.has(id) && row.map('external_ids').has(TENANT);
  const unwantedPorts = await patientFilter(replica.rows('Logical_Switch_Port'), (entry) => isUnwanted(ports, entry));
  const unwantedNetworks = await patientFilter(replica.rows('Logical_Switch'), (entry) => isUnwanted(networks, entry));
  const orphanedOptions = await patientFilter(
    replica.rows('DHCP_Options'),
    ([id, row]) =>
      !networks.has(id) &&
      row.map('external_ids').get(NETWORK) === id &&
      replica.row('Logical_Switch', id) === undefined,
  );
  return [
    putNetworks.map((spec) => ({ kind: 'put-network', spec })),
    putPorts.map((spec) => ({ kind: 'put-port', spec })),
    unwantedPorts.map(([id]) => ({ kind: 'delete-port', id })),
    [...unwantedNetworks, ...orphanedOptions].map(([id]) => ({ kind: 'delete-network', id })),
  ];
}

/** Whether somebody has put what the change is about since the wanted state was read, at `readAt`. */
export function isOutdated(replica: Replica, change: Change, readAt: number): boolean {
  const id = 'spec' in change ? change.spec.id : change.id;
  const isNetwork = change.kind === 'put-network' || change.kind === 'delete-network';
  const row = replica.row(isNetwork ? 'Logical_Switch' : 'Logical_Switch_Port', id);
  return Number(row?.map('external_ids').get(PUT_AT) ?? 0) > readAt - CLOCK_SKEW_MS;
}

/** The switch of each port; null when more than one carries it, which only a foreign hand can have done. */
async function switchesOfPorts(replica: Replica): Promise<Map<string, string | null>> {
  const found = new Map<string, string | null>();
  await patientEach(replica.rows('Logical_Switch'), ([id, row]) => {
    for (const port of row.texts('ports')) found.set(port, found.has(port) ? null : id);
  });
  return found;
}
