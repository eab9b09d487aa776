import assert from 'node:assert/strict';
import { test } from 'node:test';
import { slaSuspended } from './rules.ts';

test('TOL-03, TOL-05: the SLA is suspended without tools, and off is not absent', () => {
  assert.deepEqual(['ok', 'outdated', 'unknown', 'absent', 'disabled'].map(slaSuspended), [
    false,
    false,
    false,
    true,
    true,
  ]);
});
