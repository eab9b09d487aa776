import { AgentProblem } from '#libs/agent-http/problem.ts';
import { QmpError } from '#libs/qmp/client.ts';
import { CommandFailed } from '#libs/process/run.ts';
import { WaitTimeout } from '#libs/process/wait.ts';
import { QemuStartFailed } from './running-qemu.ts';

/** A failure in an operator's words. Problems pass as they are, what nobody foresaw too: that becomes `internal`, with a log entry. */
export function asProblem(error: unknown, what: string): unknown {
  if (error instanceof AgentProblem || !(error instanceof Error)) return error;
  if ('code' in error && (error.code === 'ENOSPC' || error.code === 'EDQUOT')) {
    return new AgentProblem(507, 'insufficient_storage', `${what}: the host's state folder is full`);
  }
  // An aborted wait carries the reason of the abort.
  if (error.name === 'AbortError')
    return error.cause instanceof AgentProblem ? error.cause : new AgentProblem(409, 'deleted', `${what}: given up`);
  const isKnown =
    error instanceof QemuStartFailed ||
    error instanceof QmpError ||
    error instanceof CommandFailed ||
    error instanceof WaitTimeout;
  return isKnown ? new AgentProblem(500, 'start_failed', `${what}: ${error.message}`) : error;
}
