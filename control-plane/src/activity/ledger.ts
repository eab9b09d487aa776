/** What workflows write into activities, and how others in this process hear of an end at once. */
import { EventEmitter } from 'node:events';
import type { Database, Session } from '../database/database.ts';
import type { OperationRecord, Outcome } from '../workflow/operation.ts';
import type { ActivityLedger } from '../workflow/runner.ts';
import { loadRunning, setCompleted, setFailed, setProgress } from './store.ts';

export class Ledger implements ActivityLedger {
  readonly #database: Database;
  readonly #ends = new EventEmitter<Record<string, []>>().setMaxListeners(0);
  readonly #onEnded: ((resourceId: string) => void)[] = [];

  constructor(database: Database) {
    this.#database = database;
  }

  async load(activityId: string): Promise<OperationRecord | null> {
    const row = await this.#database.asPlatform((session) => session.first(loadRunning, activityId));
    return row === null ? null : { activityId, ...row };
  }

  async progress(activityId: string, status: string, percent: number): Promise<void> {
    await this.#database.asPlatform((session) => session.run(setProgress, activityId, status, percent));
  }

  async completed(session: Session, activityId: string, outcome: Outcome): Promise<boolean> {
    return (await session.run(setCompleted, activityId, outcome.result, JSON.stringify(outcome.concerned))) === 1;
  }

  async failed(session: Session, activityId: string, failure: { code: string; reason: string }): Promise<boolean> {
    return (await session.run(setFailed, activityId, failure.code, failure.reason)) === 1;
  }

  ended(activityId: string, resourceId: string): void {
    this.#ends.emit(activityId);
    for (const listener of this.#onEnded) listener(resourceId);
  }

  /** Calls `listener` with the resource whose operation ended here, so that its next one starts without a poll. */
  onEnded(listener: (resourceId: string) => void): void {
    this.#onEnded.push(listener);
  }

  /** Watches for the end of one activity in this process. Call `stop` when done. */
  watch(activityId: string): { ended: Promise<void>; stop: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ends.once(activityId, resolve);
    return { ended: promise, stop: () => this.#ends.off(activityId, resolve) };
  }
}
