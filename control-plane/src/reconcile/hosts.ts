/** Follows every host: its events as they happen, and now and then everything it holds against everything it should. */
import { setTimeout as delay } from 'node:timers/promises';
import type { EventList, Host, Machine } from '#contract/generated/agent-host.ts';
import { AgentProblem, AgentUnreachable } from '#libs/agent-http/problem.ts';
import type { Logger } from 'pino';
import type { Agents } from '../compute/agents.ts';
import { applyMachine, type KnownHost, knownHosts, removeMachine } from '../compute/service.ts';
import type { Database } from '../database/database.ts';
import { recordEvent, recordObservation } from './observe.ts';
import { Turns } from '#libs/concurrency/turns.ts';
import { type KnownMachineRow, knownById, knownOnHost, setHostAway, setHostCursor, setHostSeen } from './store.ts';

export interface HostWatchParts {
  readonly database: Database;
  readonly agents: Agents;
  readonly log: Logger;
}

const waitMs = 20_000;
const answerTimeoutMs = waitMs + 10_000;
const retryMs = 1_000;
/** An agent that restarts is back sooner; a host that is gone is found out in this time. */
const awayAfterMs = 8_000;
/** How often everything is compared although no event asked for it. */
const compareEveryMs = 60_000;
/** A comparison holds all machines of a host in memory, and at a start every host is due. */
const comparisons = new Turns(2);
/** Machines of one host that are told anew at once. */
const healedAtOnce = 4;

/** Watches all hosts until `signal` fires. Hosts added later are found within half a minute. */
export async function watchHosts(parts: HostWatchParts, signal: AbortSignal): Promise<void> {
  const watched = new Map<string, Promise<void>>();
  while (!signal.aborted) {
    const hosts = await knownHosts(parts.database);
    for (const host of hosts) if (!watched.has(host.id)) watched.set(host.id, watchHost(parts, host, signal));
    await delay(30_000, undefined, { signal }).catch(() => undefined);
  }
  await Promise.all(watched.values());
}

async function watchHost(parts: HostWatchParts, host: KnownHost, signal: AbortSignal): Promise<void> {
  const log = parts.log.child({ host: host.name });
  let { eventEpoch: epoch, eventCursor: cursor } = host;
  let comparedAt = Number.NEGATIVE_INFINITY;
  let failingSince: number | null = null;
  let away = false;
  let healing: Promise<void> | undefined;
  while (!signal.aborted) {
    try {
      const agent = await parts.agents.host(host.id);
      if (performance.now() - comparedAt > compareEveryMs) {
        const observed = await agent.get<Host>('/v1/host', { signal });
        await parts.database.asPlatform((session) => session.run(setHostSeen, host.id, JSON.stringify(observed)));
        if (away) log.info('host is back');
        away = false;
        const drift = await comparisons.take(() => compareHost(parts, host.id));
        // Beside the events: what is put right can take long, and the guests' news must not wait for it.
        healing ??= heal({ ...parts, log }, { hostId: host.id, drift, signal })
          .catch((error: unknown) => log.warn({ err: error }, 'drift was not healed; it is tried again'))
          .finally(() => {
            healing = undefined;
          });
        comparedAt = performance.now();
      }
      const news = await agent.get<EventList>(`/v1/events?after=${String(cursor)}&waitMs=${String(waitMs)}`, {
        timeoutMs: answerTimeoutMs,
        signal,
      });
      failingSince = null;
      if (news.epoch !== epoch) {
        // The agent forgot its events: what happened meanwhile shows in the comparison.
        comparedAt = epoch === null ? comparedAt : Number.NEGATIVE_INFINITY;
        cursor = epoch === null ? cursor : 0;
      }
      if (news.epoch !== epoch || news.last !== cursor) {
        await parts.database.asRelaxed(async (session) => {
          for (const event of news.events) await recordEvent(session, host.id, event);
          // After the events: what was read and not written is read again.
          await session.run(setHostCursor, host.id, news.epoch, news.last);
        });
        epoch = news.epoch;
        cursor = news.last;
      }
    } catch (error) {
      if (signal.aborted) break;
      if (!(error instanceof AgentUnreachable)) log.warn({ err: error }, 'watching a host failed');
      comparedAt = Number.NEGATIVE_INFINITY;
      failingSince ??= performance.now();
      if (!away && performance.now() - failingSince > awayAfterMs) {
        away = true;
        log.error({ err: error }, 'host is away: nothing is placed there until it answers');
        await parts.database.asPlatform((session) => session.run(setHostAway, host.id)).catch(() => undefined);
      }
      await delay(retryMs, undefined, { signal }).catch(() => undefined);
    }
  }
  await healing;
}

/** What differs between the database and one host. */
interface Drift {
  /** Missing on the host, or held in an older state than is wanted. */
  readonly retell: readonly string[];
  /** Held here although they live on another host now: they moved while this one was away. */
  readonly strays: readonly string[];
}

/**
 * Compares one host with the database and writes what is observed. A machine nobody knows is left alone: `check` reports it.
 */
export async function compareHost(parts: HostWatchParts, hostId: string): Promise<Drift> {
  const { database, agents } = parts;
  const agent = await agents.host(hostId);
  // First what the host holds, then what it should: a machine made in between is in both or in the second only.
  const held = new Map((await agent.get<Machine[]>('/v1/machines')).map((machine) => [machine.id, machine]));
  const retell: string[] = [];
  for (const machine of await database.asPlatform((session) => session.rows(knownOnHost, hostId))) {
    const observed = held.get(machine.id);
    held.delete(machine.id);
    if (machine.busy) continue;
    const settled = observed === undefined ? undefined : asKnown(observed, machine);
    if (settled !== undefined) await database.asRelaxed((session) => recordObservation(session, hostId, settled));
    else if (observed === undefined || observed.generation < machine.generation) retell.push(machine.id);
  }
  const elsewhere = await database.asPlatform((session) => session.rows(knownById, [...held.keys()]));
  const strays = elsewhere.filter((machine) => machine.hostId !== hostId && !machine.busy).map(({ id }) => id);
  return { retell, strays };
}

/**
 * The observation when it is news of the wanted state. A guest that switched itself off while its machine was given a newer state
 * (a new name) stays off: telling the host the newer state as it stands would start it again.
 */
function asKnown(observed: Machine, machine: KnownMachineRow): Machine | undefined {
  if (observed.generation === machine.generation) return observed;
  const byGuest = machine.power === 'on' && observed.power === 'off' && observed.stopCause === 'guest';
  return byGuest && observed.generation < machine.generation
    ? { ...observed, generation: machine.generation }
    : undefined;
}

/** Puts right what differs; each machine is looked at again first, because an operation may have begun on it meanwhile. */
async function heal(
  parts: HostWatchParts,
  options: { hostId: string; drift: Drift; signal: AbortSignal },
): Promise<void> {
  const { hostId, drift, signal } = options;
  const known = async (id: string): Promise<KnownMachineRow | undefined> =>
    (await parts.database.asPlatform((session) => session.rows(knownById, [id])))[0];
  for (const id of drift.strays) {
    const machine = await known(id);
    if (signal.aborted) return;
    if (machine === undefined || machine.busy || machine.hostId === hostId) continue;
    parts.log.warn({ machine: id }, 'removing a machine that lives on another host now');
    await removeMachine(parts, hostId, id);
  }
  const turns = new Turns(healedAtOnce);
  await Promise.all(
    drift.retell.map((id) =>
      turns.take(async () => {
        const machine = await known(id);
        if (signal.aborted || machine === undefined || machine.busy || machine.hostId !== hostId) return;
        await tellAgain(parts, id);
        // A deletion that began meanwhile may have passed the host already.
        const after = await known(id);
        if (after === undefined || after.status === 'deleting') await removeMachine(parts, hostId, id);
      }),
    ),
  );
}

async function tellAgain(parts: HostWatchParts, machineId: string): Promise<void> {
  try {
    await applyMachine(parts, machineId);
    parts.log.info({ machine: machineId }, 'told the host again what is wanted');
  } catch (error) {
    if (error instanceof AgentUnreachable) throw error;
    parts.log.warn(
      { err: error, machine: machineId },
      error instanceof AgentProblem ? 'the host refused' : 'could not tell the host',
    );
  }
}
