/**
 * What a durable operation is made of (design §3): steps that may each run any number of times, each with its undo,
 * and two endings that are written in the same transaction as the end of the activity.
 */
import type { Session } from '../database/database.ts';

/** The activity row as an operation sees it. */
export interface OperationRecord {
  readonly activityId: string;
  readonly tenantId: string;
  readonly resourceId: string;
  readonly kind: string;
  readonly attempt: number;
  readonly input: Readonly<Record<string, unknown>>;
}

/** One step. Nothing is handed from step to step in memory: what a later step needs stands in the database. */
export interface Step<Parts> {
  /** Stable: part of the recorded history of operations under way. */
  readonly name: string;
  /** What the activity says while this runs, e.g. `starting the guest`. */
  readonly progress: string;
  /** How long the step may be retried for before the operation fails. */
  readonly deadlineMs: number;
  /** Quicker to repeat after a crash than to record each time: its outcome is not kept. */
  readonly unrecorded?: true;
  run(parts: Parts, record: OperationRecord): Promise<void>;
  /** Once begun it cannot be taken back: when it or a later step fails, the steps before it are not undone. */
  readonly noReturn?: true;
  /** Takes back what `run` did, also when it did only a part. Must be repeatable. */
  undo?(parts: Parts, record: OperationRecord): Promise<void>;
}

/** What a completed activity reports (notes §6.3). */
export interface Outcome {
  readonly result: string | null;
  readonly concerned: readonly { readonly type: string; readonly id: string }[];
}

/** Whether every step could be taken back; if not, what is left on agents must be left to the collector. */
export interface Undone {
  readonly complete: boolean;
}

export interface Operation<Parts> {
  /** Stable name, e.g. `instance.create`; kept in the activity row. */
  readonly kind: string;
  readonly steps: readonly Step<Parts>[];
  /** The last word on success; runs in the transaction that completes the activity. */
  complete(session: Session, record: OperationRecord): Promise<Outcome>;
  /** Runs last in the same transaction as `complete`: for rows that other operations wait for. */
  settle?(session: Session, record: OperationRecord): Promise<void>;
  /** The last word on failure; runs in the transaction that fails the activity. */
  abandon(session: Session, record: OperationRecord, undone: Undone): Promise<void>;
}

/** The operation cannot succeed as things are; `message` is the reason the user reads (notes §6.2). */
export class OperationFailed extends Error {
  override readonly name = 'OperationFailed';
  /** A stable word, e.g. `quota_exceeded`. */
  readonly code: string;
  constructor(code: string, reason: string) {
    super(reason);
    this.code = code;
  }
}

/** Try again within the step's deadline; the cause is expected to pass. */
export class NotYet extends Error {
  override readonly name = 'NotYet';
}
