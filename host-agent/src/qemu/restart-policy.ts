import type { MachineSpec } from '#contract/generated/agent-host.ts';

const HOUR_MS = 3_600_000;
const DEFAULT_MAX_PER_HOUR = 5;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;

/** Automatic restarts of the last hour, out of the times (ms) of all. */
export function recentRestarts(restarts: readonly number[], now: number): number[] {
  return restarts.filter((at) => now - at < HOUR_MS);
}

/**
 * How long to wait before a crashed machine is started again: doubling from 0.5 s to 30 s with every restart of the last hour; null =
 * not at all, by policy or because it was restarted too often.
 */
export function restartDelay(restart: MachineSpec['restart'], restarts: readonly number[], now: number): number | null {
  const recent = recentRestarts(restarts, now).length;
  if (restart.policy === 'never' || recent >= (restart.maxPerHour ?? DEFAULT_MAX_PER_HOUR)) return null;
  return Math.min(FIRST_DELAY_MS * 2 ** recent, LONGEST_DELAY_MS);
}

const MAX_FAILED_STARTS = 120;

/**
 * How long to wait after `failed` starts in a row that came to nothing, say because the storage is not back yet after a power cut: such
 * starts do not count as restarts. Null = give up, after about an hour.
 */
export function retryDelay(failed: number): number | null {
  return failed >= MAX_FAILED_STARTS ? null : Math.min(FIRST_DELAY_MS * 2 ** failed, LONGEST_DELAY_MS);
}
