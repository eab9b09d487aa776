/** From what a host reports to rows: power, tools intervals (TOL-05), addresses, events. */
import type { Event, Machine } from '#contract/generated/agent-host.ts';
import type { Database, Session } from '../database/database.ts';
import { recordGuestReport } from '../guests/service.ts';
import { insertEvent, settlePower } from './store.ts';

/** Event types that people want to find again; tools and addresses have tables of their own. */
const kept = new Set<Event['type']>(['started', 'stopped', 'crashed', 'restarted']);

/** Writes one event of a host. Repeating it changes nothing but the event log. */
export async function recordEvent(database: Database, hostId: string, event: Event): Promise<void> {
  await database.platformTransaction(async (session) => {
    if (kept.has(event.type)) {
      const detail = { cause: event.machine?.stopCause ?? null, detail: event.machine?.stopDetail ?? null };
      await session.run(insertEvent, event.machineId, new Date(event.at), event.type, JSON.stringify(detail));
    }
    if (event.machine !== undefined) await recordObservation(session, hostId, event.machine);
  });
}

/** Writes what is observed of a machine now. */
export async function recordObservation(session: Session, hostId: string, machine: Machine): Promise<void> {
  const power = machine.power;
  // A machine whose guest switched itself off is stopped, and stays so until somebody starts it.
  await session.run(settlePower, machine.id, hostId, machine.generation, power, power === 'on' ? 'running' : 'stopped');
  await recordGuestReport(session, machine);
}
