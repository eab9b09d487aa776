/** From what a host reports to rows: power, tools intervals (TOL-05), addresses, events. */
import type { Event, Machine } from '#contract/generated/agent-host.ts';
import type { Session } from '../database/database.ts';
import { recordAddressReport, recordToolsReport } from '../guests/service.ts';
import { insertEvent, settlePower } from './store.ts';

/** Writes one event of a host: what it is about and no more, because every machine that starts makes several of them. */
export async function recordEvent(session: Session, hostId: string, event: Event): Promise<void> {
  const { machine } = event;
  switch (event.type) {
    case 'started':
    case 'stopped':
    case 'crashed':
    case 'restarted': {
      const detail = { cause: machine?.stopCause ?? null, detail: machine?.stopDetail ?? null };
      await session.run(insertEvent, event.machineId, new Date(event.at), event.type, JSON.stringify(detail));
      if (machine === undefined) return;
      await recordPower(session, hostId, machine);
      await recordToolsReport(session, machine);
      return;
    }
    case 'tools':
      if (machine !== undefined) await recordToolsReport(session, machine);
      return;
    case 'addresses':
      if (machine !== undefined) await recordAddressReport(session, machine);
      return;
    case 'deleted':
      return;
  }
}

/** Writes all that is observed of a machine now. */
export async function recordObservation(session: Session, hostId: string, machine: Machine): Promise<void> {
  await recordPower(session, hostId, machine);
  await recordToolsReport(session, machine);
  await recordAddressReport(session, machine);
}

/** A machine whose guest switched itself off is stopped, and stays so until somebody starts it. */
async function recordPower(session: Session, hostId: string, machine: Machine): Promise<void> {
  const { id, generation, power } = machine;
  await session.run(settlePower, id, hostId, generation, power, power === 'on' ? 'running' : 'stopped');
}
