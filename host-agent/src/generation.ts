import { isDeepStrictEqual } from 'node:util';
import type { MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';

/** What the host knows of earlier wanted states: the last spec it took, and whether it got there. */
export interface SeenSpec {
  readonly spec: MachineSpec;
  readonly converged: boolean;
}

/** `apply` = work to do, `done` = the same as before and reached, `stale` = older, or another content under a used number. */
export type GenerationVerdict = 'apply' | 'done' | 'stale';

/**
 * The generation rule of `putMachine`. A repetition of a state that was reached is left alone even when the machine has changed since
 * (a guest that powered itself off stays off); a repetition of one that was not reached is tried again.
 */
export function generationVerdict(seen: SeenSpec | undefined, wanted: MachineSpec): GenerationVerdict {
  if (seen === undefined || wanted.generation > seen.spec.generation) return 'apply';
  if (wanted.generation < seen.spec.generation || !sameContent(seen.spec, wanted)) return 'stale';
  return seen.converged ? 'done' : 'apply';
}

/** The refusal of a `stale` spec. */
export function staleGeneration(seen: MachineSpec, wanted: MachineSpec): AgentProblem {
  const how = wanted.generation < seen.generation ? 'is older' : 'has another content now';
  return new AgentProblem(
    409,
    'stale_generation',
    `generation ${seen.generation} was seen already; ${wanted.generation} ${how}`,
  );
}

/** Equal but for the cloud-init seed, which counts only before the first start. */
function sameContent(left: MachineSpec, right: MachineSpec): boolean {
  return isDeepStrictEqual(withoutSeed(left), withoutSeed(right));
}

/** The spec as it is kept: the seed holds secrets and lives in its own file. */
export function withoutSeed(spec: MachineSpec): MachineSpec {
  const { cloudInit: _, ...rest } = spec;
  return rest;
}
