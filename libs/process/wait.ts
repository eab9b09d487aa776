import { setTimeout as delay } from 'node:timers/promises';

/** A condition that did not come true in time. */
export class WaitTimeout extends Error {
  override name = 'WaitTimeout';
}

/** Deadline and manner of {@link waitFor}. */
export interface WaitOptions {
  /** What is waited for, as it reads after "timed out waiting for". */
  readonly what: string;
  readonly timeoutMs: number;
  /** Time between two looks; 50 by default. */
  readonly intervalMs?: number;
  readonly signal?: AbortSignal;
}

/**
 * Looks until `probe` answers something other than `null`, `undefined` or `false`, and answers that.
 * @throws WaitTimeout after the deadline; whatever the probe throws, at once.
 */
export async function waitFor<T>(
  probe: () => T | null | undefined | false | Promise<T | null | undefined | false>,
  options: WaitOptions,
): Promise<T> {
  const deadline = performance.now() + options.timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    const found = await probe();
    if (found !== null && found !== undefined && found !== false) return found;
    const left = deadline - performance.now();
    if (left <= 0) throw new WaitTimeout(`timed out after ${options.timeoutMs} ms waiting for ${options.what}`);
    await delay(Math.min(options.intervalMs ?? 50, left), undefined, options.signal ? { signal: options.signal } : {});
  }
}
