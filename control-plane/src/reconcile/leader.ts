/** One replica reconciles; which one is decided by a lock that PostgreSQL frees the moment its holder is gone. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import pg from 'pg';

const lockKey = 7_226_184_503;
const retryMs = 2_000;

/**
 * Runs `work` while this replica leads, again and again until `signal` fires. `work` gets a signal that fires when the
 * lead is lost, and must return soon after.
 */
export async function lead(
  options: { databaseUrl: string; log: Logger; signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const { log, signal } = options;
  while (!signal.aborted) {
    const lost = new AbortController();
    const client = new pg.Client({ connectionString: options.databaseUrl, keepAlive: true });
    client.on('error', (error) => lost.abort(error));
    client.on('end', () => lost.abort(new Error('connection ended')));
    try {
      await client.connect();
      const { rows } = await client.query<{ leads: boolean }>('select pg_try_advisory_lock($1) as leads', [lockKey]);
      if (rows[0]?.leads === true) {
        log.info('this replica reconciles');
        await work(AbortSignal.any([signal, lost.signal]));
      }
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, 'lost the lead');
    } finally {
      await client.end().catch(() => undefined);
    }
    await delay(retryMs, undefined, { signal }).catch(() => undefined);
  }
}
