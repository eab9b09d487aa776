/** From what a host reports to rows: power, tools intervals (TOL-05), addresses, events. */
import type { Event, Machine } from '#contract/generated/agent-host.ts';
import type { Session } from '../database/database.ts';
import { recordAddressReport, recordMachineReport } from '../guests/service.ts';
import { insertEvent } from './store.ts';

/**
 * Writes one event of a host: what it is about and no more, because every machine that starts makes several of them. Each statement
 * stands alone and may be repeated, so that no machine's row is locked while others are read.
 */
export async function recordEvent(session: Session, hostId: string, event: Event): Promise<void> {
  const { machine } = event;
  switch (event.type) {
    case 'started':
    case 'stopped':
    case 'crashed':
    case 'restarted': {
      const detail = { cause: machine?.stopCause ?? null, detail: machine?.stopDetail ?? null };
      await session.run(insertEvent, event.machineId, new Date(event.at), event.type, JSON.stringify(detail));
      if (machine !== undefined) await recordMachineReport(session, hostId, machine);
      return;
    }
    case 'tools':
      if (machine !== undefined) await recordMachineReport(session, hostId, machine);
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
  await recordMachineReport(session, hostId, machine);
  await recordAddressReport(session, machine);
}
