/** The database against hosts, arrays and the data path: nothing orphaned, nothing missing, every counter right. */
import type { Snapshot, Volume } from '#contract/generated/agent-array.ts';
import type { Machine } from '#contract/generated/agent-host.ts';
import type { Agents } from '../compute/agents.ts';
import { knownArrays, knownHosts } from '../compute/service.ts';
import type { Database } from '../database/database.ts';
import type { NetworkDriver } from '../network/driver/driver.ts';
import { compareMachines, comparePorts, compareVolumes, type Held, straySnapshots } from './rules.ts';
import {
  expectedMachines,
  expectedPorts,
  expectedSnapshots,
  expectedVolumes,
  graves,
  openActivities,
  wrongCounters,
} from './store.ts';

export interface CheckParts {
  readonly database: Database;
  readonly agents: Agents;
  /** Null when the data path cannot be looked at from this process (simulated: it lives in the control plane's memory). */
  readonly network: NetworkDriver | null;
}

/** An operation may wait this long for agents before it is a finding. */
const staleSeconds = 900;

/** @returns findings, one line each; none when all is well */
export async function checkRegion(parts: CheckParts): Promise<string[]> {
  const { database, agents, network } = parts;
  // First what is there, then what should be: what is made meanwhile is then in the second at least.
  const hosts = await Promise.all(
    (await knownHosts(database)).map(async ({ id, name }): Promise<Held<Machine>> => ({
      agentId: id,
      name,
      things: await (await agents.host(id)).get<Machine[]>('/v1/machines').catch(() => null),
    })),
  );
  const arrayRows = await knownArrays(database);
  const ask = <T>(path: string): Promise<Held<T>[]> =>
    Promise.all(
      arrayRows.map(async ({ id, name }) => ({
        agentId: id,
        name,
        things: await (await agents.array(id)).get<T[]>(path).catch(() => null),
      })),
    );
  const arrays = await ask<Volume>('/v1/volumes');
  const snapshots = await ask<Snapshot>('/v1/snapshots');
  const inventory = await network?.inventory();
  const expected = await database.asPlatform(async (session) => ({
    machines: await session.rows(expectedMachines),
    volumes: await session.rows(expectedVolumes),
    snapshots: await session.rows(expectedSnapshots),
    ports: await session.rows(expectedPorts),
    graves: new Set((await session.rows(graves)).map(({ kind, id }) => `${kind} ${id}`)),
    counters: await session.rows(wrongCounters),
    open: await session.rows(openActivities, staleSeconds),
  }));
  const buried = (kind: string, id: string): boolean => expected.graves.has(`${kind} ${id}`);
  return [
    ...compareMachines(expected.machines, hosts, buried),
    ...compareVolumes(expected, arrays, buried),
    ...straySnapshots(expected.snapshots, snapshots, buried),
    ...(inventory === undefined ? [] : comparePorts(expected.ports, inventory.ports, buried)),
    ...expected.counters.map(
      ({ what, kept, should }) => `${what}: ${String(kept)} is kept, ${String(should)} is right`,
    ),
    ...expected.open.map(
      ({ id, kind, state }) =>
        `activity ${id} (${kind}) has been ${state} for over ${String(staleSeconds / 60)} minutes`,
    ),
  ];
}
