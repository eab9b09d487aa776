import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MachineSpec } from '#contract/generated/agent-host.ts';
import { generationVerdict } from './generation.ts';

const spec = (generation: number, vcpus = 1): MachineSpec => ({
  generation,
  name: 'a',
  power: 'on',
  vcpus,
  memoryMib: 64,
  cpu: { policy: 'shared' },
  disks: [],
  adapters: [],
  restart: { policy: 'never' },
});

test('a generation applies when it is newer, is stale when older, and repeats when equal', () => {
  fc.assert(
    fc.property(fc.nat(100), fc.nat(100), fc.boolean(), (seen, wanted, converged) => {
      const verdict = generationVerdict({ spec: spec(seen), converged }, spec(wanted));
      const expected = wanted > seen ? 'apply' : wanted < seen ? 'stale' : converged ? 'done' : 'apply';
      assert.equal(verdict, expected);
    }),
  );
});

test('a used generation with another content is stale; with another seed it is the same', () => {
  assert.equal(generationVerdict({ spec: spec(1), converged: true }, spec(1, 2)), 'stale');
  assert.equal(
    generationVerdict({ spec: spec(1), converged: true }, { ...spec(1), cloudInit: { metaData: 'x' } }),
    'done',
  );
  assert.equal(generationVerdict(undefined, spec(1)), 'apply');
});
