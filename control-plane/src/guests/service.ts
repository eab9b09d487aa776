/** What guests print and report (RACI-22, TOL-05). */
import type { Machine } from '#contract/generated/agent-host.ts';
import type { VmGuest } from '#contract/generated/tenant.ts';
import { AgentProblem, AgentUnreachable } from '#libs/agent-http/problem.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import type { Agents } from '../compute/agents.ts';
import type { Database, Session, TenantScope } from '../database/database.ts';
import { findGuest, listIntervals, recordAddress, recordReport } from './store.ts';
import { slaSuspended } from './rules.ts';

/** The kept serial output from `start`; `end` is where the next read goes on. */
export interface SerialText {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

const serialTimeoutMs = 10_000;

export class GuestService {
  readonly #database: Database;
  readonly #agents: Agents;
  constructor(database: Database, agents: Agents) {
    this.#database = database;
    this.#agents = agents;
  }

  /** @throws ApiError `not_found` */
  async guest(scope: TenantScope, vmId: string): Promise<VmGuest> {
    const [row, intervals] = await this.#database.asTenant(scope, async (session) => [
      await session.first(findGuest, vmId),
      await session.rows(listIntervals, vmId),
    ]);
    if (row === null) throw new ApiError('not_found');
    return {
      toolsState: row.toolsState,
      toolsSince: row.toolsSince.toISOString(),
      toolsVersion: row.toolsVersion,
      addresses: row.addresses,
      os: row.os,
      slaSuspended: slaSuspended(row.toolsState),
      intervals: intervals.map(({ state, from, to }) => ({
        state,
        from: from.toISOString(),
        to: to?.toISOString() ?? null,
      })),
    };
  }

  /** @throws ApiError `not_found`, `unavailable` while the host cannot be reached */
  async serial(
    scope: TenantScope,
    vmId: string,
    options: { offset: number | null; signal: AbortSignal },
  ): Promise<SerialText> {
    const { offset } = options;
    const signal = AbortSignal.any([options.signal, AbortSignal.timeout(serialTimeoutMs)]);
    const row = await this.#database.asTenant(scope, (session) => session.first(findGuest, vmId));
    if (row === null) throw new ApiError('not_found');
    // Not placed yet: it has printed nothing.
    if (row.hostId === null) return { text: '', start: 0, end: 0 };
    try {
      const agent = await this.#agents.host(row.hostId);
      const query = offset === null ? '' : `?offset=${String(offset)}`;
      const answer = await agent.stream(`/v1/machines/${vmId}/serial${query}`, { timeoutMs: serialTimeoutMs, signal });
      const chunks: Buffer[] = [];
      for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
      return {
        text: Buffer.concat(chunks).toString('utf8'),
        start: Number(answer.headers['x-serial-start'] ?? 0),
        end: Number(answer.headers['x-serial-end'] ?? 0),
      };
    } catch (error) {
      if (error instanceof AgentProblem && error.status === 404) return { text: '', start: 0, end: 0 };
      if (error instanceof AgentUnreachable)
        throw new ApiError('unavailable', { what: 'The host of the virtual machine' }, { cause: error });
      throw error;
    }
  }
}

/** Writes what a host reports of a machine: power, tools (TOL-05), operating system. Repeatable. */
export async function recordMachineReport(session: Session, hostId: string, machine: Machine): Promise<void> {
  const { id, generation, power, tools, os } = machine;
  await session.run(
    recordReport,
    id,
    hostId,
    generation,
    power,
    tools.state,
    new Date(tools.since),
    tools.version ?? null,
    os == null ? null : JSON.stringify(os),
  );
}

/** Writes the addresses that a guest reports. Repeatable. */
export async function recordAddressReport(session: Session, machine: Machine): Promise<void> {
  for (const reported of machine.addresses)
    await session.run(
      recordAddress,
      machine.id,
      reported.macAddress,
      reported.ipv4[0] ?? null,
      reported.ipv6[0] ?? null,
    );
}
