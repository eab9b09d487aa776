/** A periodic job that never overlaps itself and survives its own failures. */
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';

/** Runs `work` now and then every `everyMs` after it ended, until `signal` fires. */
export async function every(
  everyMs: number,
  options: { what: string; log: Logger; signal: AbortSignal },
  work: () => Promise<void>,
): Promise<void> {
  while (!options.signal.aborted) {
    try {
      await work();
    } catch (error) {
      if (!options.signal.aborted) options.log.warn({ err: error, job: options.what }, 'job failed; it runs again');
    }
    await delay(everyMs, undefined, { signal: options.signal }).catch(() => undefined);
  }
}
