/** What operations had to leave behind on agents that were away, and its removal once they are back. */
import type { Logger } from 'pino';
import type { Agents } from '../compute/agents.ts';
import { AgentUnreachable } from '#libs/agent-http/problem.ts';
import type { Database, Session } from '../database/database.ts';
import { type NetworkDriver, NetworkUnavailable } from '../network/driver/driver.ts';
import {
  buryMachine,
  buryVolume,
  type Grave,
  insertTombstone,
  listTombstones,
  livesThere,
  removeTombstone,
} from './store.ts';

export interface CollectorParts {
  readonly database: Database;
  readonly agents: Agents;
  readonly network: NetworkDriver;
  readonly log: Logger;
}

export type { Grave };

const perAgent = 100;

export async function bury(database: Database, grave: Grave): Promise<void> {
  await database.asPlatform((session) => session.run(insertTombstone, grave.kind, grave.id, grave.agentId));
}

/** Leaves a grave for everything of a machine whose undo could not be finished; in the transaction that forgets it. */
export async function buryEverything(session: Session, machineId: string): Promise<void> {
  await session.run(buryMachine, machineId);
}

export async function buryDisk(session: Session, volumeId: string): Promise<void> {
  await session.run(buryVolume, volumeId);
}

/** Tries the graves of every agent that answers. @returns how many were emptied */
export async function collect(parts: CollectorParts): Promise<number> {
  const graves = await parts.database.asPlatform((session) => session.rows(listTombstones, perAgent));
  const byAgent = Map.groupBy(graves, (grave) => grave.agentId ?? '');
  const done = await Promise.all([...byAgent.values()].map((own) => collectOf(parts, own)));
  return done.reduce((sum, count) => sum + count, 0);
}

/** The graves of one agent, one after the other; the first that cannot be reached ends it. */
async function collectOf(parts: CollectorParts, graves: readonly Grave[]): Promise<number> {
  let done = 0;
  for (const grave of graves) {
    try {
      if (!(await isAlive(parts.database, grave))) await remove(parts, grave);
    } catch (error) {
      parts.log.debug({ err: error, ...grave }, 'still not removed');
      if (error instanceof AgentUnreachable || error instanceof NetworkUnavailable) return done;
      continue;
    }
    await parts.database.asPlatform((session) => session.run(removeTombstone, grave.kind, grave.id, grave.agentId));
    done += 1;
  }
  return done;
}

/** A machine that was moved away may have been moved back while its old host did not answer. */
async function isAlive(database: Database, { kind, id, agentId }: Grave): Promise<boolean> {
  if (kind !== 'machine' || agentId === null) return false;
  return (await database.asPlatform((session) => session.first(livesThere, id, agentId))) !== null;
}

async function remove(parts: CollectorParts, grave: Grave): Promise<void> {
  const { kind, id, agentId } = grave;
  if (kind === 'port') return parts.network.deletePort(id);
  if (agentId === null) throw new Error(`tombstone of a ${kind} names no agent`);
  const agent = kind === 'machine' ? await parts.agents.host(agentId) : await parts.agents.array(agentId);
  await agent.delete(`/v1/${kind}s/${id}`);
}
