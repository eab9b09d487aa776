/** Machines on hosts: told their wanted state, removed, observed. */
import type { Machine } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import type { Database } from '../database/database.ts';
import { NotYet, OperationFailed } from '../workflow/operation.ts';
import type { Agents } from './agents.ts';
import { machineSpec } from './machine-spec.ts';
import { type AgentRow, listArrayEndpoints, listHostEndpoints } from './store.ts';
import { loadWanted, raiseGeneration } from './wanted-store.ts';

export interface ComputeParts {
  readonly database: Database;
  readonly agents: Agents;
}

/** A host and how far its events were read. */
export type KnownHost = AgentRow & { readonly eventEpoch: string | null; readonly eventCursor: number };

export async function knownHosts(database: Database): Promise<KnownHost[]> {
  return database.asPlatform((session) => session.rows(listHostEndpoints));
}

export async function knownArrays(database: Database): Promise<AgentRow[]> {
  return database.asPlatform((session) => session.rows(listArrayEndpoints));
}

/** A guest has 30 s to shut down and QEMU some to go; TCG hosts under load are slow. */
const convergeTimeoutMs = 90_000;
const deleteTimeoutMs = 30_000;
const freezeTimeoutMs = 40_000;
const autoThawSeconds = 30;

/**
 * Tells the machine's host the whole wanted state and waits until it is so.
 * @throws AgentProblem, AgentUnreachable, NotYet
 */
export async function applyMachine(parts: ComputeParts, machineId: string): Promise<Machine> {
  const row = await parts.database.asPlatform((session) => session.first(loadWanted, machineId));
  if (row?.hostId == null) throw new OperationFailed('gone', 'The virtual machine does not exist any more.');
  const agent = await parts.agents.host(row.hostId);
  try {
    return await agent.put<Machine>(`/v1/machines/${machineId}`, machineSpec(row), { timeoutMs: convergeTimeoutMs });
  } catch (error) {
    if (!(error instanceof AgentProblem) || error.code !== 'stale_generation') throw error;
    // The host knows this generation with another content (its guest went off by itself, say), or a newer one: what is wanted now
    // gets one above all that it has seen.
    const held = await agent.get<Machine>(`/v1/machines/${machineId}`);
    await parts.database.asPlatform((session) =>
      session.run(raiseGeneration, machineId, row.generation, held.generation),
    );
    throw new NotYet('the host knew another state under this generation');
  }
}

export async function removeMachine(parts: ComputeParts, hostId: string, machineId: string): Promise<void> {
  const agent = await parts.agents.host(hostId);
  await agent.delete(`/v1/machines/${machineId}`, { timeoutMs: deleteTimeoutMs });
}

/**
 * Freezes the guest's file systems around `work` when its tools answer.
 * @returns whether they did: the snapshot is file-system consistent, else crash consistent
 */
export async function withFrozenGuest(
  parts: ComputeParts,
  machine: { id: string; hostId: string },
  work: () => Promise<void>,
): Promise<'filesystem' | 'crash'> {
  const agent = await parts.agents.host(machine.hostId);
  const began = performance.now();
  const { frozen } = await agent.post<{ frozen: boolean }>(
    `/v1/machines/${machine.id}/freeze`,
    { autoThawSeconds },
    { timeoutMs: freezeTimeoutMs },
  );
  try {
    await work();
  } finally {
    // The agent thaws by itself, so a lost thaw is late and not for ever.
    if (frozen) await agent.post(`/v1/machines/${machine.id}/thaw`, undefined, { timeoutMs: freezeTimeoutMs });
  }
  // Past that time the agent had thawed already, and writes may have come in between.
  return frozen && performance.now() - began < autoThawSeconds * 1000 ? 'filesystem' : 'crash';
}
