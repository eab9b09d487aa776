import type { Tools } from '#contract/generated/agent-host.ts';

/** How long after power-on or a reset a silent guest still counts as booting (TOL-05: off is not absent, nor is booting). */
export const BOOT_ALLOWANCE_MS = 180_000;
/** A channel that closes also does so on the way to a shutdown or a reboot; those tell within this time. */
export const CLOSE_GRACE_MS = 10_000;
/** How long an open channel may be silent before tools that answered count as not working. */
export const SILENCE_MS = 30_000;

/** The tools' state and what it is derived from; times are in ms since the epoch. */
export interface ToolsMemory {
  readonly state: Tools['state'];
  readonly since: number;
  readonly version: string | null;
  /** Power-on or last reset; null while off. */
  readonly bootedAt: number | null;
  /** When the channel closed; null while open or never opened. */
  readonly closedAt: number | null;
  /** First unanswered poll in a row. */
  readonly silentSince: number | null;
}

/** What the host notices. `answered` carries the agent's version, `closed`/`opened` are the guest's side of the channel. */
export type ToolsInput =
  | { readonly kind: 'started' | 'stopped' | 'reset' | 'opened' | 'closed' | 'silent' | 'tick' }
  | { readonly kind: 'answered'; readonly version: string };

/** Tools of a machine that is off. */
export function toolsUnknown(now: number): ToolsMemory {
  return { state: 'unknown', since: now, version: null, bootedAt: null, closedAt: null, silentSince: null };
}

/** TOL-05: the next state; `since` is when the condition began, which may be before it was certain (TOL-03: at once). */
export function toolsAfter(
  memory: ToolsMemory,
  input: ToolsInput,
  clock: { now: number; minimumVersion?: string | undefined },
): ToolsMemory {
  const { now, minimumVersion } = clock;
  switch (input.kind) {
    case 'started':
    case 'reset':
      return { ...entered(memory, 'unknown', now), bootedAt: now, closedAt: null, silentSince: null };
    case 'stopped':
      return { ...entered(memory, 'unknown', now), bootedAt: null, closedAt: null, silentSince: null };
    case 'answered': {
      if (memory.bootedAt === null) return memory;
      const state = minimumVersion !== undefined && isOlder(input.version, minimumVersion) ? 'outdated' : 'ok';
      return { ...entered(memory, state, now), version: input.version, closedAt: null, silentSince: null };
    }
    case 'opened':
      return { ...memory, closedAt: null };
    case 'closed':
      return settled({ ...memory, closedAt: memory.closedAt ?? now }, now);
    case 'silent':
      return settled({ ...memory, silentSince: memory.silentSince ?? now }, now);
    case 'tick':
      return settled(memory, now);
  }
}

function settled(memory: ToolsMemory, now: number): ToolsMemory {
  if (memory.bootedAt === null) return memory;
  if (memory.state === 'ok' || memory.state === 'outdated') {
    if (memory.closedAt !== null && now - memory.closedAt >= CLOSE_GRACE_MS)
      return entered(memory, 'disabled', memory.closedAt);
    if (memory.silentSince !== null && now - memory.silentSince >= SILENCE_MS)
      return entered(memory, 'disabled', memory.silentSince);
    return memory;
  }
  const allowedUntil = memory.bootedAt + BOOT_ALLOWANCE_MS;
  return memory.state === 'unknown' && now >= allowedUntil ? entered(memory, 'absent', allowedUntil) : memory;
}

function entered(memory: ToolsMemory, state: Tools['state'], at: number): ToolsMemory {
  // Intervals never run backwards, whatever the clock does.
  return memory.state === state ? memory : { ...memory, state, since: Math.max(at, memory.since) };
}

/** Compares dotted versions number by number; what follows the numbers (`-rc1`) is ignored. */
export function isOlder(version: string, minimum: string): boolean {
  const parts = (text: string): number[] => text.split('.').map((part) => Number.parseInt(part, 10) || 0);
  const [left, right] = [parts(version), parts(minimum)];
  for (let index = 0; index < Math.max(left.length, right.length); index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference < 0;
  }
  return false;
}
