/** What the operations on instances work with. */
import type { Logger } from 'pino';
import type { Agents } from '../../compute/agents.ts';
import type { Database, Session } from '../../database/database.ts';
import type { NetworkDriver } from '../../network/driver/driver.ts';
import { OperationFailed, type OperationRecord } from '../../workflow/operation.ts';
import { lockMachine, type MachinePlanRow, planMachine } from '../store.ts';

export interface InstanceParts {
  readonly database: Database;
  readonly agents: Agents;
  readonly network: NetworkDriver;
  readonly imagesDir: string;
  readonly log: Logger;
}

/** Steps that only write rows. */
export const rowsDeadlineMs = 60_000;
/** Steps that ask agents to converge. */
export const agentDeadlineMs = 180_000;

/** The machine an operation is about. @throws OperationFailed `gone` */
export async function plan(parts: InstanceParts, machineId: string): Promise<MachinePlanRow> {
  return found(await parts.database.asPlatform((session) => session.first(planMachine, machineId)));
}

/** The same, locked until the transaction ends. @throws OperationFailed `gone` */
export async function locked(session: Session, machineId: string): Promise<MachinePlanRow> {
  return found(await session.first(lockMachine, machineId));
}

function found(machine: MachinePlanRow | null): MachinePlanRow {
  if (machine === null) throw new OperationFailed('gone', 'The virtual machine does not exist any more.');
  return machine;
}

/** RSZ-03 and notes §7.4: some changes need a machine that is off. @throws OperationFailed `needs_power_off` */
export function requireStopped(machine: MachinePlanRow, what: string): void {
  if (machine.status !== 'stopped')
    throw new OperationFailed(
      'needs_power_off',
      `${what} needs a stopped virtual machine, and this one is ${machine.status}. Stop it and try again.`,
    );
}

/** A text member of the operation's input. @throws when the input was written wrongly */
export function text(record: OperationRecord, member: string): string {
  const value = record.input[member];
  if (typeof value !== 'string') throw new Error(`operation ${record.kind} has no text "${member}" in its input`);
  return value;
}

/** A number of the operation's input, null when it is not there. */
export function optionalNumber(record: OperationRecord, member: string): number | null {
  const value = record.input[member];
  return typeof value === 'number' ? value : null;
}

export function optionalText(record: OperationRecord, member: string): string | null {
  const value = record.input[member];
  return typeof value === 'string' ? value : null;
}
