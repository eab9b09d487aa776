import assert from 'node:assert/strict';
import { test } from 'node:test';
import { instanceOperations } from '#control/instances/operations/all.ts';
import { survivesEverything } from '#test/support/faults.ts';
import { scenarios } from './scenarios.ts';

test('every operation has a scenario, so that none can be added without going through the fault helper', () => {
  assert.deepEqual(scenarios.map((scenario) => scenario.kind).toSorted(), [...instanceOperations.keys()].toSorted());
});

for (const scenario of scenarios) test(scenario.kind, (t) => survivesEverything(t, scenario));
