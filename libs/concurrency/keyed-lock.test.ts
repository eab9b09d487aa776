import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { test } from 'node:test';
import { KeyedLock } from './keyed-lock.ts';

test('work under one key runs in order of arrival, a failure before it or not; other keys do not wait', async () => {
  const lock = new KeyedLock();
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = lock.run('a', async () => {
    await gate.promise;
    seen.push('a1');
    throw new Error('fails');
  });
  const second = lock.run('a', async () => {
    await turn();
    seen.push('a2');
  });
  const third = lock.run('a', () => Promise.resolve(seen.push('a3')));
  await lock.run('b', () => Promise.resolve(seen.push('b')));
  gate.resolve();
  await assert.rejects(first, /fails/);
  await Promise.all([second, third]);
  assert.deepEqual(seen, ['b', 'a1', 'a2', 'a3']);
});
