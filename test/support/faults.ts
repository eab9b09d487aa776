/**
 * The shared fault helper (design §9.3): every operation through every misfortune.
 *
 * It runs an operation with a step memory that can repeat, fail and lose steps, and compares the world afterwards with
 * what it should be: that of an undisturbed run, or that of before the operation.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { StepOutcome } from '#control/workflow/attempt.ts';
import type { StepMemory } from '#control/workflow/runner.ts';
import { instanceOperations } from '#control/instances/operations/all.ts';
import { operationWorld, type OperationWorld, plainMemory } from './operation-world.ts';
import { worldState } from './world-state.ts';

/** How to bring an operation about: `prepare` makes what it needs, `submit` asks for it. Both must do the same every time. */
export interface Scenario {
  readonly kind: string;
  readonly prepare: (world: OperationWorld) => Promise<void>;
  /** @returns the activity's id */
  readonly submit: (world: OperationWorld) => Promise<string>;
  /** Undone operations leave the world as it was; a deletion does not go back once it has begun. */
  readonly goesBack: boolean;
}

class Killed extends Error {}

/** Keeps outcomes like DBOS does; misfortune strikes at one step. */
class FaultyMemory implements StepMemory {
  readonly recorded = new Map<string, StepOutcome>();
  readonly order: string[] = [];
  strike: ((name: string, work: () => Promise<StepOutcome>) => Promise<StepOutcome>) | null = null;

  async step(name: string, work: () => Promise<StepOutcome>): Promise<StepOutcome> {
    const known = this.recorded.get(name);
    if (known !== undefined) return known;
    const outcome = await (this.strike?.(name, work) ?? work());
    this.recorded.set(name, outcome);
    this.order.push(name);
    return outcome;
  }
}

const refused: StepOutcome = { ok: false, code: 'injected', reason: 'a failure injected by the test' };

/** Runs one scenario through all misfortunes, one after the other in one world that is emptied in between. */
export async function survivesEverything(t: TestContext, scenario: Scenario): Promise<void> {
  const operation = instanceOperations.get(scenario.kind);
  assert.ok(operation, `there is no operation ${scenario.kind}`);
  const names = operation.steps.map((step) => step.name);
  const world = await operationWorld(t);
  const empty = await worldState(world);
  const good = await undisturbed(world, scenario);
  await cleanUp(world, empty);

  /** @param expected the world afterwards; null = only that the operation ended, and that nothing is left after a deletion */
  const survives = (what: string, expected: unknown, misfortune: Misfortune): Promise<void> =>
    t.test(what, async () => {
      try {
        await disturbed(world, scenario, { expected, misfortune });
      } finally {
        await cleanUp(world, empty);
      }
    });

  await survives('each step twice', good.after, async (memory, run) => {
    memory.strike = async (_name, work) => (await work(), work());
    await run();
  });
  for (const name of [...names, 'complete'])
    await survives(
      `killed in step ${name} before its outcome was recorded, then recovered`,
      good.after,
      async (memory, run) => {
        memory.strike = killAt(name);
        await assert.rejects(run(), Killed);
        memory.strike = null;
        await run();
      },
    );
  const back = scenario.goesBack ? good.before : null;
  for (const [index, name] of names.entries()) {
    for (const done of [true, false])
      await survives(`step ${name} fails ${done ? 'after' : 'before'} doing its work`, back, async (memory, run) => {
        memory.strike = async (step, work) => {
          if (step !== name) return work();
          if (done) await work();
          return refused;
        };
        await run();
      });
    const begun = operation.steps.slice(0, index + 1);
    const undone = begun.slice(begun.findLastIndex((step) => step.noReturn === true) + 1);
    for (const undo of undone.filter((step) => step.undo !== undefined))
      await survives(
        `step ${name} fails, and undo ${undo.name} is killed and runs again`,
        back,
        async (memory, run) => {
          const kill = killAt(`undo ${undo.name}`);
          memory.strike = async (step, work) => (step === name ? (await work(), refused) : kill(step, work));
          await assert.rejects(run(), Killed);
          memory.strike = null;
          await run();
        },
      );
  }
}

type Misfortune = (memory: FaultyMemory, run: () => Promise<void>) => Promise<void>;

function killAt(name: string): (step: string, work: () => Promise<StepOutcome>) => Promise<StepOutcome> {
  return async (step, work) => {
    const outcome = await work();
    if (step === name) throw new Killed();
    return outcome;
  };
}

async function undisturbed(world: OperationWorld, scenario: Scenario): Promise<{ before: unknown; after: unknown }> {
  await scenario.prepare(world);
  const before = await worldState(world);
  const activityId = await scenario.submit(world);
  await world.run(activityId, new FaultyMemory());
  const [activity] = await world.query<{ state: string; reason: string | null }>(
    'select state, reason from activities where id = $1',
    [activityId],
  );
  assert.equal(activity?.state, 'completed', `${scenario.kind} undisturbed: ${activity?.reason ?? ''}`);
  const after = await worldState(world);
  assert.notDeepEqual(after, before, 'the operation changes something');
  return { before, after };
}

async function disturbed(
  world: OperationWorld,
  scenario: Scenario,
  { expected, misfortune }: { expected: unknown; misfortune: Misfortune },
): Promise<void> {
  await scenario.prepare(world);
  const activityId = await scenario.submit(world);
  const memory = new FaultyMemory();
  await misfortune(memory, () => world.run(activityId, memory));
  const [activity] = await world.query<{ state: string }>('select state from activities where id = $1', [activityId]);
  assert.ok(
    activity?.state === 'completed' || activity?.state === 'failed',
    `the activity is ${activity?.state ?? 'gone'}`,
  );
  if (expected !== null) assert.deepEqual(await worldState(world), expected);
}

/** Deletes every machine the ordinary way; then nothing may be left anywhere, whatever happened before. */
async function cleanUp(world: OperationWorld, empty: unknown): Promise<void> {
  for (const { id } of await world.query<{ id: string }>('select id from machines'))
    await world.run(await world.instances.delete(world.initiator, id), plainMemory);
  assert.deepEqual(await worldState(world), empty, 'something is left behind');
}
