/** One step, tried until it succeeds, fails for good, or runs out of time. */
import { setTimeout as delay } from 'node:timers/promises';
import { AgentProblem, AgentUnreachable } from '#libs/agent-http/problem.ts';
import type { Logger } from 'pino';
import { isTransientDatabaseError } from '../database/database.ts';
import { NetworkUnavailable } from '../network/driver/driver.ts';
import { NotYet, OperationFailed } from './operation.ts';

/** How a step ended. Plain data, because it is recorded and read again after a crash. */
export type StepOutcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly code: string; readonly reason: string };

const firstPauseMs = 50;
const longestPauseMs = 2_000;
const failingAgentMs = 60_000;

/** The agent refused what it was asked; asking again changes nothing. */
function isFinal(problem: AgentProblem): boolean {
  return problem.status < 500 || problem.status === 507;
}

/**
 * What a tenant may read of an agent's refusal: its meaning, never its text, which can name hosts and paths (design §1.6).
 * The log has the text.
 */
function tenantReason(problem: AgentProblem, what: string): string {
  switch (problem.code) {
    case 'insufficient_space':
    case 'insufficient_storage':
      return `No space is left on the storage of this zone (while ${what}). Choose another zone or a smaller size.`;
    case 'insufficient_memory':
      return `The host has not enough memory left (while ${what}). Try again, or choose another zone or a smaller flavour.`;
    case 'needs_power_off':
      return 'The change needs the virtual machine to be stopped. Stop it and try again.';
    case 'cannot_shrink':
      return 'A disk can only grow. Give a size above the present one.';
    default:
      return `The platform refused while ${what} (${problem.code}). Report the activity to the provider.`;
  }
}

function gaveUp(error: unknown, what: string): StepOutcome {
  const cause =
    error instanceof AgentProblem
      ? `the platform kept failing (${error.code})`
      : 'a component of the platform did not answer in time';
  const advice = 'Try again later, or report the activity to the provider.';
  return { ok: false, code: 'deadline_exceeded', reason: `Gave up while ${what}: ${cause}. ${advice}` };
}

/** The cause lies outside and is expected to pass: an agent or a database that restarts. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof NotYet ||
    error instanceof AgentUnreachable ||
    error instanceof NetworkUnavailable ||
    isTransientDatabaseError(error)
  );
}

/**
 * Runs `work` until it ends, with growing pauses between tries.
 * @param deadlineMs measured from the call; a try under way is not cut short, its own timeouts end it
 */
export async function attempt(
  work: () => Promise<void>,
  options: { deadlineMs: number; what: string; log: Logger },
): Promise<StepOutcome> {
  const began = performance.now();
  for (let pause = firstPauseMs; ; pause = Math.min(pause * 2, longestPauseMs)) {
    try {
      await work();
      return { ok: true };
    } catch (error) {
      if (error instanceof OperationFailed) return { ok: false, code: error.code, reason: error.message };
      const passing = isPassing(error);
      options.log.warn({ err: error, step: options.what, passing }, 'step failed');
      if (error instanceof AgentProblem && isFinal(error))
        return { ok: false, code: error.code, reason: tenantReason(error, options.what) };
      if (!passing && !(error instanceof AgentProblem))
        return {
          ok: false,
          code: 'internal',
          reason: `Internal error while ${options.what}. The provider's log has the details.`,
        };
      // An agent that answers and fails is given less time than one that is away: it rarely gets better by itself.
      const patienceMs = passing ? options.deadlineMs : Math.min(options.deadlineMs, failingAgentMs);
      if (performance.now() - began + pause > patienceMs) return gaveUp(error, options.what);
      await delay(pause);
    }
  }
}
