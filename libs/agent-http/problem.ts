/**
 * A refusal or failure that an agent answers as `{code, message}` (schema `Problem` of the agent contracts). Thrown by
 * handlers on the server's side and by `AgentClient` on the caller's side, with the same content.
 */
export class AgentProblem extends Error {
  override readonly name = 'AgentProblem';
  /** HTTP status, 400…599. */
  readonly status: number;
  /** Stable machine-readable code, e.g. `insufficient_space`. */
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** The agent could not be asked: no connection, a broken one, or no answer within the time allowed. */
export class AgentUnreachable extends Error {
  override readonly name = 'AgentUnreachable';

  constructor(endpoint: string, cause: Error) {
    super(`agent at ${endpoint} is unreachable: ${cause.message}`, { cause });
  }
}

/** 404 `not_found`. */
export function notFound(what: string): AgentProblem {
  return new AgentProblem(404, 'not_found', `${what} does not exist`);
}

/** 422 `invalid_spec`: `member` is a JSON pointer or a parameter's name. */
export function invalidSpec(member: string, reason: string): AgentProblem {
  return new AgentProblem(422, 'invalid_spec', `${member} ${reason}`);
}
