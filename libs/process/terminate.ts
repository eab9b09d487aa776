import { isAlive } from './identity.ts';
import type { ProcessIdentity } from './identity.ts';
import { waitFor, WaitTimeout } from './wait.ts';

/** How {@link terminate} goes about it. */
export interface TerminateOptions {
  /** Asked for first; SIGTERM by default. */
  readonly signal?: NodeJS.Signals;
  /** How long the process may take before SIGKILL; 5,000 by default. */
  readonly graceMs?: number;
}

/** How a process ended: it had already, by itself after the signal, or killed. */
export type Termination = 'gone' | 'ended' | 'killed';

/**
 * Ends exactly this process: the polite signal, then SIGKILL after the grace time. Never touches a later process with the same number.
 * @throws WaitTimeout when even SIGKILL does not end it within 10 s (uninterruptible sleep).
 */
export async function terminate(identity: ProcessIdentity, options: TerminateOptions = {}): Promise<Termination> {
  if (!send(identity, options.signal ?? 'SIGTERM')) return 'gone';
  const gone = (): boolean => !isAlive(identity);
  try {
    await waitFor(gone, {
      what: `process ${identity.pid} to end`,
      timeoutMs: options.graceMs ?? 5_000,
      intervalMs: 20,
    });
    return 'ended';
  } catch (error) {
    if (!(error instanceof WaitTimeout)) throw error;
  }
  send(identity, 'SIGKILL');
  await waitFor(gone, { what: `process ${identity.pid} to be killed`, timeoutMs: 10_000, intervalMs: 20 });
  return 'killed';
}

/** Signals exactly this process; `false` when it no longer runs. */
export function send(identity: ProcessIdentity, signal: NodeJS.Signals): boolean {
  if (!isAlive(identity)) return false;
  try {
    process.kill(identity.pid, signal);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ESRCH') return false;
    throw error;
  }
}
