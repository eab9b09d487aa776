/** What an operation found before it changed it, kept in its activity row so that an undo can put it back after a crash. */
import type { Session } from '../../database/database.ts';
import { statement } from '../../database/statement.ts';
import type { OperationRecord } from '../../workflow/operation.ts';

const rememberBefore = statement<[activityId: string, before: string]>(
  'activity_remember',
  `update activities set input = jsonb_set(input, '{before}', $2::jsonb) where id = $1 and not input ? 'before'`,
);
const recallBefore = statement<[activityId: string], { before: unknown }>(
  'activity_recall',
  `select input->'before' as before from activities where id = $1 and input ? 'before'`,
);

/** Keeps `before`; a repetition of the step does not overwrite it. */
export async function remember(session: Session, record: OperationRecord, before: object): Promise<void> {
  await session.run(rememberBefore, record.activityId, JSON.stringify(before));
}

/** What {@link remember} kept, as it was given there; null when the step never came so far. */
export async function recall<T extends object>(session: Session, record: OperationRecord): Promise<T | null> {
  const row = await session.first(recallBefore, record.activityId);
  return (row?.before ?? null) as T | null;
}
