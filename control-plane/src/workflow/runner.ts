/** Carries an operation out: forward step by step, or back in reverse order when one fails. */
import type { Logger } from 'pino';
import type { Database, Session } from '../database/database.ts';
import { isTransientDatabaseError } from '../database/database.ts';
import { attempt, type StepOutcome } from './attempt.ts';
import type { Operation, OperationRecord, Outcome, Undone } from './operation.ts';

/** Remembers outcomes of steps over a crash. DBOS in production; the fault helper has one that can be killed. */
export interface StepMemory {
  /** Runs `work` once and records what it returned, unless told not to; on replay returns the recording. */
  step(name: string, work: () => Promise<StepOutcome>, options?: { unrecorded: boolean }): Promise<StepOutcome>;
}

/** What the runner writes into the activity; implemented by the activity capability. */
export interface ActivityLedger {
  /** Null when the activity has ended already or is not there. */
  load(activityId: string): Promise<OperationRecord | null>;
  progress(activityId: string, status: string, percent: number): Promise<void>;
  completed(session: Session, activityId: string, outcome: Outcome): Promise<boolean>;
  failed(session: Session, activityId: string, failure: { code: string; reason: string }): Promise<boolean>;
  ended(activityId: string, resourceId: string): void;
}

export interface RunnerOptions<Parts> {
  readonly operations: ReadonlyMap<string, Operation<Parts>>;
  readonly parts: Parts;
  readonly database: Database;
  readonly ledger: ActivityLedger;
  readonly log: Logger;
}

/** Progress is written only for steps that a person could watch: shorter ones would cost more than they tell. */
const progressAfterMs = 300;
const undoDeadlineMs = 60_000;
/**
 * Undos and ends repeat safely and find out by themselves that they are done. Not recording them also keeps the recorded steps a prefix of
 * the operation's own list, whatever an earlier try came to.
 */
const unrecorded = { unrecorded: true } as const;
const endDeadlineMs = 600_000;

/** Runs the operation of `activityId` to its end. Safe to call again at any time, in any process, after any crash. */
export async function runOperation<Parts>(
  activityId: string,
  memory: StepMemory,
  options: RunnerOptions<Parts>,
): Promise<void> {
  const record = await options.ledger.load(activityId);
  if (record === null) return;
  const operation = options.operations.get(record.kind);
  if (operation === undefined) throw new Error(`no operation is called "${record.kind}"`);
  const log = options.log.child({ activity: activityId, operation: record.kind });

  const complete = async (session: Session): Promise<void> => {
    const outcome = await operation.complete(session, record);
    // A replay of this step finds the activity ended and must leave everything as it was.
    if (!(await options.ledger.completed(session, activityId, outcome))) throw new AlreadyEnded();
    await operation.settle?.(session, record);
  };
  const failure =
    (await forward(operation, record, { ...options, memory, log })) ??
    failureOf(
      await memory.step('complete', () => end(record, { ...options, log }, complete), unrecorded),
      operation.steps.length - 1,
    );
  if (failure !== null) {
    const undone = await back(operation, record, { ...options, memory, log, failedAt: failure.step });
    const abandon = async (session: Session): Promise<void> => {
      if (await options.ledger.failed(session, activityId, failure)) await operation.abandon(session, record, undone);
    };
    await memory.step('abandon', () => end(record, { ...options, log }, abandon), unrecorded);
  }
  options.ledger.ended(activityId, record.resourceId);
}

interface Failure {
  /** Index of the step that failed; those after it never ran. */
  readonly step: number;
  readonly code: string;
  readonly reason: string;
}

function failureOf(outcome: StepOutcome, step: number): Failure | null {
  return outcome.ok ? null : { step, code: outcome.code, reason: outcome.reason };
}

type Running<Parts> = RunnerOptions<Parts> & { memory: StepMemory; log: Logger };

async function forward<Parts>(
  operation: Operation<Parts>,
  record: OperationRecord,
  run: Running<Parts>,
): Promise<Failure | null> {
  for (const [index, step] of operation.steps.entries()) {
    const work = async (): Promise<StepOutcome> => {
      const percent = Math.round((100 * index) / (operation.steps.length + 1));
      const timer = setTimeout(() => {
        run.ledger
          .progress(record.activityId, step.progress, percent)
          .catch((error: unknown) => run.log.warn({ err: error }, 'progress not written'));
      }, progressAfterMs);
      try {
        return await attempt(() => step.run(run.parts, record), {
          deadlineMs: step.deadlineMs,
          what: step.progress,
          log: run.log,
        });
      } finally {
        clearTimeout(timer);
      }
    };
    const outcome = await run.memory.step(step.name, work, { unrecorded: step.unrecorded === true });
    const failure = failureOf(outcome, index);
    if (failure !== null) return failure;
  }
  return null;
}

async function back<Parts>(
  operation: Operation<Parts>,
  record: OperationRecord,
  run: Running<Parts> & { failedAt: number },
): Promise<Undone> {
  const begun = operation.steps.slice(0, run.failedAt + 1);
  const pointOfNoReturn = begun.findLastIndex((step) => step.noReturn === true);
  let complete = true;
  // The failed step may have done a part of its work, so its own undo comes first.
  for (const step of begun.slice(pointOfNoReturn + 1).toReversed()) {
    const undo = step.undo?.bind(step);
    if (undo === undefined) continue;
    const work = (): Promise<StepOutcome> =>
      attempt(() => undo(run.parts, record), {
        deadlineMs: undoDeadlineMs,
        what: `undoing: ${step.progress}`,
        log: run.log,
      });
    const outcome = await run.memory.step(`undo ${step.name}`, work, unrecorded);
    if (outcome.ok) continue;
    complete = false;
    run.log.error({ step: step.name, outcome }, 'undo failed; what is left is removed by the collector');
  }
  return { complete };
}

class AlreadyEnded extends Error {}

async function end<Parts>(
  record: OperationRecord,
  { database, log }: RunnerOptions<Parts>,
  work: (session: Session) => Promise<void>,
): Promise<StepOutcome> {
  return attempt(
    async () => {
      try {
        await database.platformTransaction(work);
      } catch (error) {
        if (error instanceof AlreadyEnded) return;
        if (!isTransientDatabaseError(error))
          log.error({ err: error, record }, 'the end of an operation could not be written');
        throw error;
      }
    },
    { deadlineMs: endDeadlineMs, what: 'recording the outcome', log },
  );
}
