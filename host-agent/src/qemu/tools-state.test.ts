import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { BOOT_ALLOWANCE_MS, CLOSE_GRACE_MS, isOlder, SILENCE_MS, toolsAfter, toolsUnknown } from './tools-state.ts';
import type { ToolsInput, ToolsMemory } from './tools-state.ts';

type Step = readonly [at: number, input: ToolsInput];

function play(steps: readonly Step[], minimumVersion?: string): ToolsMemory {
  return steps.reduce((memory, [now, input]) => toolsAfter(memory, input, { now, minimumVersion }), toolsUnknown(0));
}

const started: Step = [1000, { kind: 'started' }];
const answered = (at: number): Step => [at, { kind: 'answered', version: '7.2.22' }];
const seen = ({ state, since }: ToolsMemory): unknown[] => [state, since];

test('TOL-05: off is unknown, never absent', () => {
  assert.deepEqual(seen(play([[BOOT_ALLOWANCE_MS * 2, { kind: 'tick' }]])), ['unknown', 0]);
  assert.deepEqual(seen(play([started, answered(5000), [9000, { kind: 'stopped' }], [1e9, { kind: 'tick' }]])), [
    'unknown',
    9000,
  ]);
});

test('TOL-05: a guest without tools is absent once its boot allowance is over, from that moment', () => {
  assert.equal(play([started, [BOOT_ALLOWANCE_MS, { kind: 'tick' }]]).state, 'unknown');
  const late = BOOT_ALLOWANCE_MS + 5000;
  assert.deepEqual(seen(play([started, [late, { kind: 'tick' }]])), ['absent', 1000 + BOOT_ALLOWANCE_MS]);
  assert.equal(play([started, [late, { kind: 'tick' }], answered(late + 1)]).state, 'ok');
});

test('TOL-05: tools below the minimum version are outdated', () => {
  assert.equal(play([started, answered(5000)], '8.0').state, 'outdated');
  assert.equal(play([started, answered(5000)], '7.2').state, 'ok');
});

test('TOL-03: tools that closed their channel are disabled from the moment they did', () => {
  const closed: Step = [20_000, { kind: 'closed' }];
  assert.equal(play([started, answered(5000), closed]).state, 'ok');
  assert.deepEqual(seen(play([started, answered(5000), closed, [20_000 + CLOSE_GRACE_MS, { kind: 'tick' }]])), [
    'disabled',
    20_000,
  ]);
  assert.equal(play([started, answered(5000), closed, [21_000, { kind: 'opened' }], answered(1e6)]).state, 'ok');
});

test('TOL-03: tools that stopped answering are disabled from their first silence', () => {
  const silent = (at: number): Step => [at, { kind: 'silent' }];
  assert.equal(play([started, answered(5000), silent(20_000), answered(25_000), silent(60_000)]).state, 'ok');
  assert.deepEqual(seen(play([started, answered(5000), silent(20_000), silent(20_000 + SILENCE_MS)])), [
    'disabled',
    20_000,
  ]);
});

test('TOL-05: a reset is a new boot', () => {
  assert.deepEqual(
    seen(
      play([
        started,
        answered(5000),
        [20_000, { kind: 'closed' }],
        [21_000, { kind: 'reset' }],
        [60_000, { kind: 'tick' }],
      ]),
    ),
    ['unknown', 21_000],
  );
});

test('TOL-05: intervals never overlap or run backwards, and repeating a tick changes nothing', () => {
  const input: fc.Arbitrary<ToolsInput> = fc.oneof(
    fc
      .constantFrom<ToolsInput['kind']>('started', 'stopped', 'reset', 'opened', 'closed', 'silent', 'tick')
      .map((kind) => ({ kind }) as ToolsInput),
    fc.constant<ToolsInput>({ kind: 'answered', version: '7.2' }),
  );
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(120_000), input), { maxLength: 40 }), (gaps) => {
      let [now, memory] = [0, toolsUnknown(0)];
      for (const [gap, each] of gaps) {
        now += gap;
        const next = toolsAfter(memory, each, { now });
        assert.ok(next.since >= memory.since && next.since <= now);
        if (next.state === memory.state) assert.equal(next.since, memory.since);
        if (next.bootedAt === null) assert.equal(next.state, 'unknown');
        assert.deepEqual(
          toolsAfter(toolsAfter(next, { kind: 'tick' }, { now }), { kind: 'tick' }, { now }),
          toolsAfter(next, { kind: 'tick' }, { now }),
        );
        memory = next;
      }
    }),
  );
});

test('versions compare number by number', () => {
  assert.ok(isOlder('5.2.0', '7.2'));
  assert.ok(isOlder('7.2.9', '7.2.10'));
  assert.ok(!isOlder('7.2.0', '7.2'));
  assert.ok(!isOlder('10.0', '9.9'));
});
