import type { Readable } from 'node:stream';
import type { EventList, Host, Machine, MachineSpec } from '#contract/generated/agent-host.ts';

/** Which part of the serial log to read; negative offsets count from its end. */
export interface SerialRequest {
  readonly offset: number;
  /** Keep the stream open and send what the guest prints, until `signal` or the machine is deleted. */
  readonly follow: boolean;
  readonly signal: AbortSignal;
}

/** A piece of the serial ring: `start` = first byte still kept, `end` = offset after the last byte `body` holds when it is opened. */
export interface SerialSlice {
  readonly start: number;
  readonly end: number;
  readonly body: Readable;
}

/** Which events to read: those with an id above `after`; waits at most `waitMs` while there are none. */
export interface EventRequest {
  readonly after: number;
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/** What a freeze came to; `frozen` is false when the guest tools do not answer. */
export interface FreezeOutcome {
  readonly frozen: boolean;
  readonly filesystems?: number;
}

/**
 * What stands behind the host contract (`contract/agents/host.yaml`), one method per operation and one instance per host.
 * Machine ids are lower-case UUIDs and specs are already valid against the schema when they come here; the driver checks what a
 * schema cannot. Refusals are `AgentProblem`s with the contract's code: `not_found` 404, `needs_power_off` and
 * `stale_generation` and `not_running` 409, `invalid_spec` 422, `insufficient_memory` and `insufficient_storage` 507.
 */
export interface HostDriver {
  host(): Promise<Host>;
  list(): Promise<Machine[]>;
  /** @throws AgentProblem `not_found` */
  get(machineId: string): Promise<Machine>;
  /**
   * Converges, then answers what is observed. Calls for one machine run one after the other in order of arrival, and run to
   * their end when the caller goes away.
   */
  put(machineId: string, spec: MachineSpec): Promise<Machine>;
  /** Kills and forgets; also when there is nothing. */
  delete(machineId: string): Promise<void>;
  /** @throws AgentProblem `not_found`, `not_running` */
  reset(machineId: string): Promise<void>;
  /** Thaws by itself after `autoThawSeconds`. @throws AgentProblem `not_found` */
  freeze(machineId: string, autoThawSeconds: number): Promise<FreezeOutcome>;
  /** @throws AgentProblem `not_found` */
  thaw(machineId: string): Promise<void>;
  /** @throws AgentProblem `not_found` */
  serial(machineId: string, request: SerialRequest): Promise<SerialSlice>;
  events(request: EventRequest): Promise<EventList>;
  /** Lets go of everything this process holds. Machines go on running. */
  close(): Promise<void>;
}
