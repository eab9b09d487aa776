/** DBOS keeps the history of every workflow for ever; ours serve nobody once the activity has ended. */
import type pg from 'pg';

const keepHours = 24;
const batch = 5_000;

/** Deletes histories of workflows that ended more than a day ago, some thousand at a time. @returns whether there may be more */
export async function forgetFinishedWorkflows(pool: pg.Pool): Promise<boolean> {
  const { rowCount } = await pool.query(
    `delete from dbos.workflow_status where workflow_uuid in (
       select workflow_uuid from dbos.workflow_status
       where status in ('SUCCESS', 'ERROR', 'CANCELLED') and updated_at < $1 limit $2)`,
    [Date.now() - keepHours * 3_600_000, batch],
  );
  return rowCount === batch;
}
