import { existsSync } from 'node:fs';
import { readIfPresent } from '#libs/process/atomic-file.ts';
import { readLivePid, removePidFile } from '#libs/process/pid-file.ts';
import { terminate } from '#libs/process/terminate.ts';
import { planFabric, removeFabric } from './fabric.ts';
import { shutDownGuests } from './guests.ts';
import { findLeftovers } from './leftovers.ts';
import { StatePaths } from './paths.ts';
import type { ProcessSpec, ServiceSpec } from './process-spec.ts';
import { Progress } from './progress.ts';
import { stopService } from './runner.ts';
import { readState } from './state.ts';
import { dismissSupervisor } from './supervisor-process.ts';
import { allHosts } from './topology.ts';

/** What `down` was asked for. */
export interface DownOptions {
  readonly stateDir: string;
  /** Leave guests running, and what they need: storage daemons and switches. */
  readonly keepGuests: boolean;
  /** How long guests may take to shut down; 0 ends them at once. */
  readonly guestGraceMs: number;
}

/** Stops exactly what `up` started, in the reverse order. Does nothing when nothing runs. */
export async function down(options: DownOptions): Promise<void> {
  const progress = new Progress();
  const paths = new StatePaths(options.stateDir);
  const state = readState(paths);
  if (!state) throw new Error(`there is no region in ${paths.root}`);
  progress.say(`Bastide: stopping the region in ${paths.root}${options.keepGuests ? ', guests stay' : ''}`);
  // First, or it would start again what is stopped.
  await progress.step('supervisor', () => dismissSupervisor(paths));
  const services = readPlan(paths).filter((spec): spec is ServiceSpec => spec.kind === 'service');
  const leaving = options.keepGuests ? services.filter((spec) => !spec.servesGuests) : services;
  const { controls, arrays, rest } = stages(leaving);
  await progress.step('control planes and host agents', () => stopAll(paths, controls));
  const guestsToo = !options.keepGuests && !state.simulated;
  if (guestsToo) {
    await progress.step(
      'guests',
      () => shutDownGuests(paths.root, options.guestGraceMs),
      (count) => (count === 0 ? null : `${count} shut down`),
    );
  }
  await progress.step('array agents', () => stopAll(paths, arrays));
  if (guestsToo) {
    await progress.step('storage daemons', async () => {
      await Promise.all(findLeftovers(paths.root).map(async (leftover) => terminate(leftover, { graceMs: 20_000 })));
    });
  }
  await progress.step('services', () => stopAll(paths, rest));
  if (guestsToo) {
    const fabric = planFabric(
      state.tag,
      state.underlayPrefix,
      allHosts(state.topology).map(({ host }) => host.name),
    );
    await progress.step('network namespaces', () => removeFabric(fabric));
  }
  progress.say(`  stopped after ${progress.elapsed}`);
}

/** The list of processes of the last `up`. */
export function readPlan(paths: StatePaths): readonly ProcessSpec[] {
  return JSON.parse(readIfPresent(paths.planFile) ?? '[]') as ProcessSpec[];
}

/**
 * Host agents go before the guests are told to shut down (they would see a crash and start them again), array agents after
 * that, and before their storage daemons for the same reason.
 */
function stages(
  services: readonly ServiceSpec[],
): Readonly<Record<'controls' | 'arrays' | 'rest', readonly ServiceSpec[]>> {
  const of = (pattern: RegExp): readonly ServiceSpec[] => services.filter(({ name }) => pattern.test(name));
  const controls = of(/^(control|host)-/);
  const arrays = of(/^array-/);
  return { controls, arrays, rest: services.filter((spec) => !controls.includes(spec) && !arrays.includes(spec)) };
}

/** Stops services, each only after those that depend on it; what is independent at the same time. */
async function stopAll(paths: StatePaths, services: readonly ServiceSpec[]): Promise<void> {
  const stopped = new Map<string, Promise<void>>();
  for (const spec of services.toReversed()) {
    const dependents = services
      .filter((other) => other.dependsOn.includes(spec.name))
      .flatMap((other) => stopped.get(other.name) ?? []);
    stopped.set(
      spec.name,
      Promise.all(dependents).then(async () => {
        const identity = readLivePid(paths.pidOf(spec.name));
        if (identity) await stopService(spec, identity);
        if (existsSync(paths.pidOf(spec.name))) removePidFile(paths.pidOf(spec.name));
      }),
    );
  }
  await Promise.all(stopped.values());
}
