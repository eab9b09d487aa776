/** Connections to the host- and array-agents of the region, one pooled client per agent. */
import { AgentClient } from '#libs/agent-http/client.ts';
import type { TlsIdentity } from '#libs/agent-http/tls-identity.ts';
import type { Database } from '../database/database.ts';
import type { Statement } from '../database/statement.ts';
import { type AgentRow, findArrayEndpoint, findArrayOfPool, findHostEndpoint } from './store.ts';

export class Agents {
  readonly #database: Database;
  readonly #tls: TlsIdentity;
  readonly #clients = new Map<string, AgentClient>();
  readonly #arrays = new Map<string, string>();

  constructor(database: Database, tls: TlsIdentity) {
    this.#database = database;
    this.#tls = tls;
  }

  async host(id: string): Promise<AgentClient> {
    return this.#clients.get(id) ?? this.#connect(findHostEndpoint, id);
  }

  async array(id: string): Promise<AgentClient> {
    return this.#clients.get(id) ?? this.#connect(findArrayEndpoint, id);
  }

  /** The array that holds a pool. A pool never moves, so it is asked once. @throws when there is no such pool */
  async arrayOfPool(poolId: string): Promise<string> {
    const known = this.#arrays.get(poolId);
    if (known !== undefined) return known;
    const row = await this.#database.asPlatform((session) => session.first(findArrayOfPool, poolId));
    if (row === null) throw new Error(`pool ${poolId} does not exist`);
    this.#arrays.set(poolId, row.arrayId);
    return row.arrayId;
  }

  /** Forgets a client whose endpoint may have changed. */
  forget(id: string): void {
    this.#clients.get(id)?.close();
    this.#clients.delete(id);
  }

  close(): void {
    for (const client of this.#clients.values()) client.close();
    this.#clients.clear();
  }

  async #connect(find: Statement<[id: string], AgentRow>, id: string): Promise<AgentClient> {
    const row = await this.#database.asPlatform((session) => session.first(find, id));
    if (row === null) throw new Error(`no agent has the id ${id}`);
    const client = this.#clients.get(id) ?? new AgentClient(row.endpoint, this.#tls);
    this.#clients.set(id, client);
    return client;
  }
}
