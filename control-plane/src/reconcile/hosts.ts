/** Follows every host: its events as they happen, and now and then everything it holds against everything it should. */
import { setTimeout as delay } from 'node:timers/promises';
import type { EventList, Host, Machine } from '#contract/generated/agent-host.ts';
import { AgentProblem, AgentUnreachable } from '#libs/agent-http/problem.ts';
import type { Logger } from 'pino';
import type { Agents } from '../compute/agents.ts';
import { applyMachine, type KnownHost, knownHosts, removeMachine } from '../compute/service.ts';
import type { Database } from '../database/database.ts';
import { recordEvent, recordObservation } from './observe.ts';
import { Turns } from './turns.ts';
import { knownById, knownOnHost, setHostAway, setHostCursor, setHostSeen } from './store.ts';

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
  while (!signal.aborted) {
    try {
      const agent = await parts.agents.host(host.id);
      if (performance.now() - comparedAt > compareEveryMs) {
        const observed = await agent.get<Host>('/v1/host', { signal });
        await parts.database.asPlatform((session) => session.run(setHostSeen, host.id, JSON.stringify(observed)));
        if (away) log.info('host is back');
        away = false;
        await comparisons.take(() => compareHost(parts, host.id, log));
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
      if (signal.aborted) return;
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
}

/** Heals drift between the database and one host: missing and outdated machines are told anew, strays are removed. */
export async function compareHost(parts: HostWatchParts, hostId: string, log: Logger): Promise<void> {
  const agent = await parts.agents.host(hostId);
  // First what the host holds, then what it should: a machine made in between is in both or in the second only.
  const held = new Map((await agent.get<Machine[]>('/v1/machines')).map((machine) => [machine.id, machine]));
  const wanted = await parts.database.asPlatform((session) => session.rows(knownOnHost, hostId));
  for (const machine of wanted) {
    const observed = held.get(machine.id);
    held.delete(machine.id);
    if (machine.busy) continue;
    if (observed === undefined || observed.generation < machine.generation) await retell(parts, machine.id, log);
    else if (observed.generation === machine.generation)
      await parts.database.asRelaxed((session) => recordObservation(session, hostId, observed));
  }
  const elsewhere = await parts.database.asPlatform((session) => session.rows(knownById, [...held.keys()]));
  for (const machine of elsewhere) {
    // It moved to another host while this one was away. A machine nobody knows is left alone: `check` reports it.
    if (machine.hostId === hostId || machine.busy) continue;
    log.warn({ machine: machine.id }, 'removing a machine that lives on another host now');
    await removeMachine(parts, hostId, machine.id);
  }
}

async function retell(parts: HostWatchParts, machineId: string, log: Logger): Promise<void> {
  try {
    await applyMachine(parts, machineId);
    log.info({ machine: machineId }, 'told the host again what is wanted');
  } catch (error) {
    if (error instanceof AgentUnreachable) throw error;
    log.warn(
      { err: error, machine: machineId },
      error instanceof AgentProblem ? 'the host refused' : 'could not tell the host',
    );
  }
}
