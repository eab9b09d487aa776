/** What operations had to leave behind on agents that were away, and its removal once they are back. */
import type { Logger } from 'pino';
import type { Agents } from '../compute/agents.ts';
import type { Database } from '../database/database.ts';
import type { NetworkDriver } from '../network/driver/driver.ts';
import { insertTombstone, listTombstones, removeTombstone, type TombstoneKind } from './store.ts';

export interface CollectorParts {
  readonly database: Database;
  readonly agents: Agents;
  readonly network: NetworkDriver;
  readonly log: Logger;
}

/** One thing to remove; `agentId` is null for ports, which the data path as a whole holds. */
export interface Grave {
  readonly kind: TombstoneKind;
  readonly id: string;
  readonly agentId: string | null;
}

const batch = 200;

export async function bury(database: Database, grave: Grave): Promise<void> {
  await database.asPlatform((session) => session.run(insertTombstone, grave.kind, grave.id, grave.agentId));
}

/** Tries every grave once. @returns how many were emptied */
export async function collect(parts: CollectorParts): Promise<number> {
  let done = 0;
  for (const grave of await parts.database.asPlatform((session) => session.rows(listTombstones, batch))) {
    try {
      await remove(parts, grave);
    } catch (error) {
      parts.log.debug({ err: error, ...grave }, 'still not reachable');
      continue;
    }
    await parts.database.asPlatform((session) => session.run(removeTombstone, grave.kind, grave.id));
    done += 1;
  }
  return done;
}

async function remove(parts: CollectorParts, grave: Grave): Promise<void> {
  const { kind, id, agentId } = grave;
  if (kind === 'port') return parts.network.deletePort(id);
  if (agentId === null) throw new Error(`tombstone of a ${kind} names no agent`);
  const agent = kind === 'machine' ? await parts.agents.host(agentId) : await parts.agents.array(agentId);
  await agent.delete(`/v1/${kind}s/${id}`);
}
