import { arrayRoutes } from '#array-agent/routes.ts';
import { SimulatedArray } from '#array-agent/simulated/simulated-array.ts';
import { hostRoutes } from '#host-agent/routes.ts';
import { SimulatedHost } from '#host-agent/simulated/simulated-host.ts';
import { AgentContract } from '#libs/agent-http/contract.ts';
import type { AgentRoute } from '#libs/agent-http/route.ts';
import { serveAgent } from '#libs/agent-http/server.ts';
import type { AgentLog, AgentMount } from '#libs/agent-http/server.ts';
import { withFaults } from '#libs/simulation/faults.ts';
import { Journal } from '#libs/simulation/journal.ts';
import type { JournalEntry } from '#libs/simulation/journal.ts';
import { seededRandom } from '#libs/simulation/random.ts';
import { systemTime, TimerQueue } from '#libs/simulation/timer-queue.ts';
import type { SimulatedRegionConfig } from './config.ts';

/** A running simulated region. */
export interface SimulatedRegion {
  readonly endpoint: string;
  close(): Promise<void>;
}

interface Agents {
  readonly hosts: ReadonlyMap<string, SimulatedHost>;
  readonly arrays: ReadonlyMap<string, SimulatedArray>;
}

/**
 * Plays all hosts and arrays of a region on one socket, each agent under its own prefix (`/hosts/<name>`,
 * `/arrays/<name>`). What the journal remembers is there again before the first call is taken.
 */
export async function serveSimulatedRegion(config: SimulatedRegionConfig, log: AgentLog): Promise<SimulatedRegion> {
  const timers = new TimerQueue(systemTime);
  const journal = config.stateDir === null ? null : new Journal(config.stateDir);
  const agents = createAgents(config, { timers, journal });
  if (journal !== null) recall(journal, agents);
  for (const agent of [...agents.arrays.values(), ...agents.hosts.values()]) agent.resume();
  const server = await serveAgent({
    endpoint: `unix:${config.socket}`,
    tls: config.tls,
    mounts: await mountsOf(config, agents),
    log,
  });
  return {
    endpoint: server.endpoint,
    close: async () => {
      // First the callers who wait for events, so that the server has nothing left to wait for.
      await Promise.all([...agents.hosts.values(), ...agents.arrays.values()].map((agent) => agent.close()));
      await server.close();
      timers.clear();
      journal?.close();
    },
  };
}

function createAgents(config: SimulatedRegionConfig, shared: { timers: TimerQueue; journal: Journal | null }): Agents {
  const latency = config.latency === 'none' ? {} : config.latency;
  const hosts = config.hosts.map((host) => {
    const scope = `hosts/${host.name}`;
    return new SimulatedHost({
      ...host,
      latency,
      random: seededRandom(config.seed, scope),
      time: systemTime,
      timers: shared.timers,
      journal: shared.journal?.scope(scope) ?? null,
    });
  });
  const arrays = config.arrays.map((array) => {
    const scope = `arrays/${array.name}`;
    return new SimulatedArray({
      ...array,
      latency,
      random: seededRandom(config.seed, scope),
      now: () => systemTime.now(),
      journal: shared.journal?.scope(scope) ?? null,
    });
  });
  return {
    hosts: new Map(config.hosts.map(({ name }, index) => [`hosts/${name}`, at(hosts, index)])),
    arrays: new Map(config.arrays.map(({ name }, index) => [`arrays/${name}`, at(arrays, index)])),
  };
}

function at<T>(items: readonly T[], index: number): T {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index}`);
  return item;
}

function recall(journal: Journal, { hosts, arrays }: Agents): void {
  journal.replay(({ scope, kind, id, value }) => {
    hosts.get(scope)?.restore(id, value);
    arrays.get(scope)?.restore(kind, id, value);
  });
  journal.open(function* facts(): Generator<JournalEntry> {
    for (const [scope, agent] of [...arrays, ...hosts]) for (const fact of agent.facts()) yield { scope, ...fact };
  });
}

async function mountsOf(config: SimulatedRegionConfig, { hosts, arrays }: Agents): Promise<AgentMount[]> {
  const contracts = new URL('../../contract/agents/', import.meta.url);
  const host = await AgentContract.load(new URL('host.yaml', contracts));
  const array = await AgentContract.load(new URL('array.yaml', contracts));
  const faulty = (scope: string, routes: AgentRoute[]): AgentRoute[] =>
    config.faults === undefined
      ? routes
      : withFaults(routes, config.faults, seededRandom(config.seed, `faults/${scope}`));
  return [
    ...[...hosts].map(([scope, driver]) => ({
      prefix: `/${scope}`,
      routes: faulty(scope, hostRoutes(driver)),
      contract: host,
    })),
    ...[...arrays].map(([scope, driver]) => ({
      prefix: `/${scope}`,
      routes: faulty(scope, arrayRoutes(driver)),
      contract: array,
    })),
    // Answers the supervisor's health question about the process itself.
    { prefix: '', routes: [] },
  ];
}
