/**
 * DBOS carries operations through crashes; this starts them and finds the ones that lost their process.
 *
 * Operations do not wait in a DBOS queue: its dispatcher polls, and a poll would show in every create. An activity row is the queue
 * entry instead: written with the request, taken by a single statement the moment its turn has come (docs/decisions/002).
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { DBOS } from '@dbos-inc/dbos-sdk';
import type { Logger } from 'pino';
import pg from 'pg';
import { listRunning, listStalled, nextAttempt, setFailed, takeNext } from '../activity/store.ts';
import { type Database, uniqueViolation } from '../database/database.ts';
import type { StepOutcome } from './attempt.ts';
import type { StepMemory } from './runner.ts';
import { forgetFinishedWorkflows } from './housekeeping.ts';
import { PreparedClient } from './prepared-client.ts';

export interface EngineOptions {
  readonly databaseUrl: string;
  readonly database: Database;
  /** Name of this replica; stable over restarts, so that it takes up its own unfinished work at once. */
  readonly replica: string;
  readonly log: Logger;
  /** Carries the operation of an activity to its end. */
  readonly run: (activityId: string, memory: StepMemory) => Promise<void>;
}

/** History recorded by one version of the steps is replayed by that version only; raise it when a step list changes. */
const operationsVersion = 'operations-1';
const connections = 8;
const quietLogger = (log: Logger): { [level in 'debug' | 'info' | 'warn' | 'error']: (entry: unknown) => void } => ({
  debug: () => undefined,
  info: () => undefined,
  warn: (entry) => log.warn({ dbos: String(entry) }, 'workflow engine'),
  error: (entry) => log.error({ dbos: String(entry) }, 'workflow engine'),
});

const dbosMemory: StepMemory = {
  step: (name, work, options) => (options?.unrecorded === true ? work() : DBOS.runStep<StepOutcome>(work, { name })),
};

/** More at once would only wait for each other: for database connections, and for a turn of this process. */
const operationsMax = 24;

/** Brings the engine's own tables up to date. Not safe for two processes at once: its migrations deadlock. */
export async function migrateEngine(databaseUrl: string): Promise<void> {
  await DBOS.migrate(databaseUrl);
}

/**
 * Operations are often started by the end of another one, that is from inside its workflow; there the engine would make them its children,
 * and refuse when the parent has ended.
 */
const outside = AsyncLocalStorage.snapshot();

export class Engine {
  readonly #options: EngineOptions;
  readonly #pool: pg.Pool;
  readonly #workflow: (activityId: string) => Promise<void>;
  /** Operations under way here, and those that wait for one of them to end, by workflow id. */
  readonly #underWay = new Set<string>();
  /** Started and not yet running: in between the engine writes its row. */
  #starting = 0;
  readonly #waiting = new Map<string, string>();

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#pool = new pg.Pool({ connectionString: options.databaseUrl, max: connections, Client: PreparedClient });
    const onLoss = (error: Error): void => options.log.warn({ err: error }, 'workflow engine lost a connection');
    this.#pool.on('error', onLoss);
    this.#pool.on('connect', (client) => client.on('error', onLoss));
    this.#workflow = DBOS.registerWorkflow(
      async (activityId: string) => {
        const workflowID = DBOS.workflowID ?? activityId;
        this.#underWay.add(workflowID);
        try {
          await options.run(activityId, dbosMemory);
        } finally {
          this.#underWay.delete(workflowID);
          this.kick(this.#beginWaiting());
        }
      },
      { name: 'operation' },
    );
  }

  async start(): Promise<void> {
    DBOS.setConfig({
      name: 'bastide',
      systemDatabaseUrl: this.#options.databaseUrl,
      systemDatabasePool: this.#pool,
      applicationVersion: operationsVersion,
      executorID: this.#options.replica,
      logger: quietLogger(this.#options.log.child({}, { level: 'warn' })),
      runMigrations: false,
    });
    await DBOS.launch();
  }

  async stop(): Promise<void> {
    await DBOS.shutdown({ workflowCompletionTimeoutMS: 2_000 });
    await this.#pool.end();
  }

  /** Starts the operation of an activity that is in state *running*. Starting it twice is the same as once. */
  async begin(activityId: string, attempt: number): Promise<void> {
    // Behind those that came first: a start that passed them would let them wait for as long as there is work.
    this.#waiting.set(workflowId(activityId, attempt), activityId);
    await this.#beginWaiting();
  }

  async #start(workflowID: string, activityId: string): Promise<void> {
    this.#starting += 1;
    try {
      await outside(() => DBOS.startWorkflow(this.#workflow, { workflowID })(activityId));
    } finally {
      this.#starting -= 1;
    }
  }

  async #beginWaiting(): Promise<void> {
    const started: Promise<void>[] = [];
    while (this.#underWay.size + this.#starting < operationsMax) {
      const [next] = this.#waiting;
      if (next === undefined) break;
      const [workflowID, activityId] = next;
      this.#waiting.delete(workflowID);
      started.push(this.#start(workflowID, activityId));
    }
    await Promise.all(started);
  }

  /** Starts the next waiting operation of a resource, if its turn has come. */
  async dispatch(resourceId: string): Promise<void> {
    try {
      const next = await this.#options.database.asPlatform((session) => session.first(takeNext, resourceId));
      if (next !== null) await this.begin(next.id, next.attempt);
    } catch (error) {
      // Another replica took the turn in the same instant; when it ends it dispatches again.
      if (uniqueViolation(error) === 'activity_running') return;
      throw error;
    }
  }

  /** Fire and forget: what is lost here, {@link sweep} finds. */
  kick(start: Promise<void>): void {
    start.catch((error: unknown) =>
      this.#options.log.warn({ err: error }, 'an operation was not started; the sweep will start it'),
    );
  }

  /**
   * Finds operations that lost their process: turns nobody took, running activities without a live workflow, and the work of
   * replicas in `dead`.
   * @returns how many were set going again, and whether that was all of what the dead had left
   */
  async sweep(dead: readonly string[]): Promise<{ revived: number; all: boolean }> {
    const { database } = this.#options;
    let revived = 0;
    let all = true;
    const stalled = await database.asPlatform((session) => session.rows(listStalled, sweepLimit));
    for (const { resourceId } of stalled) await this.dispatch(resourceId);
    revived += stalled.length;
    if (dead.length > 0) {
      const lost = await DBOS.listWorkflows({
        executorId: [...dead],
        status: 'PENDING',
        limit: sweepLimit,
        loadInput: false,
        loadOutput: false,
      });
      if (lost.length > 0) await DBOS.resumeWorkflows(lost.map((workflow) => workflow.workflowID));
      revived += lost.length;
      all = lost.length < sweepLimit;
    }
    for (const activity of await database.asPlatform((session) =>
      session.rows(listRunning, untouchedSeconds, sweepLimit),
    ))
      if (await this.#revive(activity)) revived += 1;
    return { revived, all };
  }

  /**
   * Takes up again what broke off in this very process: when the database goes away, the engine cannot even record that a workflow has
   * failed, and its row says for ever that it is at work here. To be called by every replica for itself.
   */
  async resumeOwn(): Promise<number> {
    const mine = await DBOS.listWorkflows({
      executorId: this.#options.replica,
      status: 'PENDING',
      limit: sweepLimit,
      loadInput: false,
      loadOutput: false,
    });
    const startedBefore = Date.now() - untouchedSeconds * 1000;
    const lost = mine.filter(
      ({ workflowID, createdAt, dequeuedAt }) =>
        !this.#underWay.has(workflowID) && Math.max(createdAt, dequeuedAt ?? 0) < startedBefore,
    );
    if (lost.length > 0) await DBOS.resumeWorkflows(lost.map((workflow) => workflow.workflowID));
    return lost.length;
  }

  /** Drops some histories of operations that ended long ago. @returns whether there may be more */
  async housekeeping(): Promise<boolean> {
    return forgetFinishedWorkflows(this.#pool);
  }

  async #revive(activity: { id: string; attempt: number }): Promise<boolean> {
    const workflowID = workflowId(activity.id, activity.attempt);
    if (this.#waiting.has(workflowID)) return false;
    const status = await DBOS.getWorkflowStatus(workflowID);
    if (status === null) {
      await this.begin(activity.id, activity.attempt);
      return true;
    }
    if (status.status === 'PENDING' || status.status === 'ENQUEUED' || status.status === 'DELAYED') {
      if (status.applicationVersion === operationsVersion) return false;
      // Recorded by a version of the steps that no process runs any more: cancel it and start anew; every step is repeatable.
      await DBOS.cancelWorkflow(workflowID);
    }
    if (activity.attempt >= attemptsMax) {
      await this.#giveUp(activity.id);
      return false;
    }
    const next = await this.#options.database.asPlatform((session) =>
      session.first(nextAttempt, activity.id, activity.attempt),
    );
    if (next === null) return false;
    this.#options.log.warn(
      { activity: activity.id, attempt: next.attempt, was: status.status },
      'operation starts anew',
    );
    await this.begin(activity.id, next.attempt);
    return true;
  }

  /** Nothing is pending for ever: what cannot even be ended is failed as it is, and the log and `check` say what is left. */
  async #giveUp(activityId: string): Promise<void> {
    this.#options.log.error({ activity: activityId }, 'operation given up; run the check and mend by hand');
    const reason = 'Internal error: the operation could not be ended. Report the activity to the provider.';
    await this.#options.database.asPlatform((session) => session.run(setFailed, activityId, 'internal', reason));
  }
}

/** Attempt 1 has the activity's own id. */
function workflowId(activityId: string, attempt: number): string {
  return attempt === 1 ? activityId : `${activityId}.${String(attempt)}`;
}

const sweepLimit = 500;
const attemptsMax = 20;
/** A running activity younger than this is surely being started right now. */
const untouchedSeconds = 3;
