import { OvsdbClient } from '#libs/ovsdb/client.ts';
import { OvsdbTimeout, OvsdbTransactionError, OvsdbUnavailable } from '#libs/ovsdb/errors.ts';
import type { TlsFiles } from '#libs/ovsdb/endpoint.ts';
import type { Operation } from '#libs/ovsdb/operations.ts';
import {
  NetworkRejected,
  NetworkUnavailable,
  type NetworkDriver,
  type NetworkInventory,
  type NetworkSpec,
  type PortSpec,
  type WantedState,
} from './driver.ts';
import { isOutdated, planReconciliation, type Change } from './ovn-reconcile.ts';
import {
  checkNetwork,
  checkNetworkRoom,
  checkPort,
  checkPortRoom,
  CIDR,
  NETWORK,
  NORTHBOUND_TABLES,
  TENANT,
} from './ovn-rows.ts';
import { SouthboundView } from './ovn-southbound.ts';
import {
  deleteNetworkOperations,
  deletePortOperations,
  NETWORK_ASSERTION,
  putNetworkOperations,
  putPortOperations,
} from './ovn-transactions.ts';
import { RecentDeletions } from './recent-deletions.ts';

export interface OvnOptions {
  /** Connection methods of the northbound database, such as `unix:/run/ovn/nb.sock`. */
  northbound: string;
  /** The same for the southbound database; without it nobody can say which host carries a port. */
  southbound?: string | undefined;
  tls?: TlsFiles | undefined;
  requestTimeoutMs?: number;
  /** How long a call waits for a database that is away before it fails. */
  availabilityWaitMs?: number;
  now?: () => number;
}

const ATTEMPTS_MAX = 10;
const RECONCILE_CONCURRENCY = 64;
const PROBE_TIMEOUT_MS = 3_000;
/** Errors of ovsdb-server that mean: the row was not as the replica showed it. */
const CONFLICTS: ReadonlySet<string> = new Set(['timed out', 'duplicate uuid', 'referential integrity violation']);

/** The data path made by OVN: one logical switch per network, no routers, so tenants cannot reach each other (SEC-01). */
export class OvnNetworkDriver implements NetworkDriver {
  readonly #northbound: OvsdbClient;
  readonly #southbound: SouthboundView | null;
  readonly #now: () => number;
  readonly #deletions = new RecentDeletions();

  constructor(options: OvnOptions) {
    const { northbound, southbound, now, ...common } = options;
    this.#northbound = new OvsdbClient({
      ...common,
      endpoints: northbound,
      database: 'OVN_Northbound',
      tables: NORTHBOUND_TABLES,
    });
    this.#southbound = southbound === undefined ? null : new SouthboundView({ ...common, endpoints: southbound });
    this.#now = now ?? Date.now;
  }

  async putNetwork(spec: NetworkSpec): Promise<void> {
    checkNetwork(spec);
    await this.#commit(() => {
      const { replica } = this.#northbound;
      if (replica.row('Logical_Switch', spec.id) === undefined) checkNetworkRoom(replica);
      return putNetworkOperations(replica, spec, this.#now());
    });
    this.#deletions.forget(spec.id);
  }

  async deleteNetwork(id: string): Promise<void> {
    await this.#commit(() => deleteNetworkOperations(id));
    this.#deletions.note(id, this.#now());
  }

  async putPort(spec: PortSpec): Promise<void> {
    await this.#commit(
      () => {
        const { replica } = this.#northbound;
        const cidr = replica.row('Logical_Switch', spec.networkId)?.map('external_ids').get(CIDR);
        checkPort(spec, {
          cidr,
          dhcpServer: replica.row('DHCP_Options', spec.networkId)?.map('options').get('server_id'),
        });
        if (replica.row('Logical_Switch_Port', spec.id) === undefined) checkPortRoom(replica, spec.networkId);
        return putPortOperations(replica, spec, this.#now());
      },
      (operation) => {
        if (operation === NETWORK_ASSERTION)
          throw new NetworkRejected(`port ${spec.id}: the network ${spec.networkId} does not exist`);
      },
    );
    this.#deletions.forget(spec.id);
  }

  async deletePort(id: string): Promise<void> {
    let attempt = 0;
    await this.#commit(() => {
      // The quick way knows the switch; a second attempt, after a conflict, searches for it.
      const row = attempt++ === 0 ? this.#northbound.replica.row('Logical_Switch_Port', id) : undefined;
      return deletePortOperations(id, row?.map('external_ids').get(NETWORK));
    });
    this.#deletions.note(id, this.#now());
  }

  async waitPortBound(id: string, timeoutMs: number): Promise<boolean> {
    await this.#ready();
    return this.#northbound.replica.waitRow('Logical_Switch_Port', id, {
      until: (row) => row?.flag('up') === true,
      timeoutMs,
    });
  }

  async inventory(): Promise<NetworkInventory> {
    await this.#ready();
    const { replica } = this.#northbound;
    const chassis = this.#southbound?.chassisOfPorts() ?? new Map<string, string>();
    const inventory: NetworkInventory = { networks: [], ports: [] };
    for (const [id, row] of replica.rows('Logical_Switch')) {
      if (row.map('external_ids').has(TENANT)) inventory.networks.push(id);
    }
    for (const [id, row] of replica.rows('Logical_Switch_Port')) {
      const ids = row.map('external_ids');
      const networkId = ids.get(NETWORK);
      if (!ids.has(TENANT) || networkId === undefined) continue;
      inventory.ports.push({ id, networkId, bound: row.flag('up') === true, chassis: chassis.get(id) ?? null });
    }
    return inventory;
  }

  async reconcile(wanted: WantedState): Promise<{ changed: number }> {
    await this.#ready();
    const { readAt = Number.POSITIVE_INFINITY } = wanted;
    const rejections: string[] = [];
    let changed = 0;
    this.#deletions.prune(this.#now());
    // Networks before the ports on them, removals last.
    for (const changes of await planReconciliation(this.#northbound.replica, wanted)) {
      const queue = changes.values();
      const worker = async (): Promise<void> => {
        for (const change of queue) {
          // Asked for each change anew: workflows go on beside a long reconciliation.
          if (isOutdated(this.#northbound.replica, change, readAt)) continue;
          if ('spec' in change && this.#deletions.isNewer(change.spec.id, readAt)) continue;
          try {
            await this.#apply(change);
            changed++;
          } catch (error) {
            if (!(error instanceof NetworkRejected)) throw error;
            rejections.push(error.message);
          }
        }
      };
      await Promise.all(Array.from({ length: Math.min(RECONCILE_CONCURRENCY, changes.length) }, worker));
    }
    if (rejections.length > 0)
      throw new NetworkRejected(
        `${rejections.length} parts of the wanted state were refused, first: ${rejections.slice(0, 3).join('; ')}`,
      );
    return { changed };
  }

  async healthy(): Promise<string[]> {
    try {
      await this.#northbound.ready();
      return [...(await this.#probe()), ...(this.#southbound?.problems() ?? [])];
    } catch (error) {
      if (error instanceof OvsdbUnavailable || error instanceof OvsdbTimeout)
        return [`OVN northbound: ${error.message}`];
      throw error;
    }
  }

  async close(): Promise<void> {
    await Promise.all([this.#northbound.close(), this.#southbound?.close()]);
  }

  #apply(change: Change): Promise<void> {
    switch (change.kind) {
      case 'put-network':
        return this.putNetwork(change.spec);
      case 'put-port':
        return this.putPort(change.spec);
      case 'delete-network':
        return this.deleteNetwork(change.id);
      case 'delete-port':
        return this.deletePort(change.id);
    }
  }

  /** Raises `nb_cfg`, which ovn-northd copies to `sb_cfg` when it has done everything before it (ovn-nb(5)). */
  async #probe(): Promise<string[]> {
    const { replica } = this.#northbound;
    const [id] = replica.rows('NB_Global').keys();
    if (id === undefined) return ['OVN northbound: ovn-northd has never served this database'];
    await this.#northbound.transact([
      { op: 'mutate', table: 'NB_Global', where: [], mutations: [['nb_cfg', '+=', 1]] },
    ]);
    const target = replica.row('NB_Global', id)?.integer('nb_cfg') ?? 0;
    const served = await replica.waitRow('NB_Global', id, {
      until: (row) => (row?.integer('sb_cfg') ?? 0) >= target,
      timeoutMs: PROBE_TIMEOUT_MS,
    });
    return served ? [] : [`ovn-northd has not taken up a change within ${PROBE_TIMEOUT_MS} ms`];
  }

  async #ready(): Promise<void> {
    try {
      await this.#northbound.ready();
    } catch (cause) {
      throw translate(cause);
    }
  }

  /** Runs one transaction, built anew from the replica as long as other writers change the rows under it. */
  async #commit(build: () => Operation[], onConflict?: (operation: number | null) => void): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      await this.#ready();
      try {
        await this.#northbound.transact(build());
        return;
      } catch (error) {
        if (!(error instanceof OvsdbTransactionError)) throw translate(error);
        if (!CONFLICTS.has(error.error))
          throw new NetworkRejected(`OVN refused the state: ${error.message}`, { cause: error });
        onConflict?.(error.operation);
        if (attempt === ATTEMPTS_MAX)
          throw new NetworkUnavailable('other writers kept changing the same rows', { cause: error });
      }
    }
  }
}

function translate(error: unknown): unknown {
  if (error instanceof OvsdbUnavailable || error instanceof OvsdbTimeout)
    return new NetworkUnavailable(error.message, { cause: error });
  return error;
}
