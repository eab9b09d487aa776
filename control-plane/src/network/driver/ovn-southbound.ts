import { OvsdbClient, type OvsdbClientOptions } from '#libs/ovsdb/client.ts';

/** What hosts report to OVN: which of them carries which port. Read only: ovn-northd and the hosts own that database. */
export class SouthboundView {
  readonly #client: OvsdbClient;

  constructor(options: Omit<OvsdbClientOptions, 'database' | 'tables'>) {
    const tables = { Port_Binding: ['logical_port', 'chassis'], Chassis: ['name'] };
    this.#client = new OvsdbClient({ ...options, database: 'OVN_Southbound', tables });
  }

  /** Chassis names by port, as of the last synchronisation: information only, so nobody waits for a database that is away. */
  chassisOfPorts(): Map<string, string> {
    const found = new Map<string, string>();
    const { replica } = this.#client;
    for (const binding of replica.rows('Port_Binding').values()) {
      const chassis = binding.optionalText('chassis');
      const name = chassis === undefined ? undefined : replica.row('Chassis', chassis)?.text('name');
      if (name !== undefined) found.set(binding.text('logical_port'), name);
    }
    return found;
  }

  problems(): string[] {
    return this.#client.synchronised ? [] : [`OVN southbound: ${this.#client.lastError.message}`];
  }

  close(): Promise<void> {
    return this.#client.close();
  }
}
