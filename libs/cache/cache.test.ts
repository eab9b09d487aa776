import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FreshValue } from './fresh-value.ts';
import { LruMap } from './lru-map.ts';

/** A value whose loads are counted, on a clock that the test moves. */
function counted(): {
  value: FreshValue<number>;
  at: (ms: number) => void;
  loads: () => number;
  fail: (yes: boolean) => void;
} {
  let now = 0;
  let loads = 0;
  let failing = false;
  const value = new FreshValue({
    load: async () => {
      loads += 1;
      if (failing) throw new Error('down');
      return loads;
    },
    refreshAfterMs: 10,
    maxAgeMs: 50,
    now: () => now,
  });
  return { value, at: (ms) => void (now = ms), loads: () => loads, fail: (yes) => void (failing = yes) };
}

test('callers at the same time share one load', async () => {
  const { value, loads } = counted();
  assert.deepEqual(await Promise.all([value.get(), value.get(), value.get()]), [1, 1, 1]);
  assert.equal(loads(), 1);
});

test('an ageing value is given out while a newer one is fetched', async () => {
  const { value, at } = counted();
  await value.get();
  at(20);
  assert.equal(await value.get(), 1);
  assert.equal(await value.get(), 2);
});

test('a value beyond its age is never given out, not even when the load fails', async () => {
  const { value, at, fail } = counted();
  await value.get();
  fail(true);
  at(40);
  assert.equal(await value.get(), 1);
  at(51);
  await assert.rejects(value.get(), /down/);
  fail(false);
  assert.equal(await value.get(), 4);
});

test('a load under way when the value is cleared does not bring the old value back', async () => {
  const answers: ((text: string) => void)[] = [];
  const value = new FreshValue<string>({
    load: () => new Promise((resolve) => answers.push(resolve)),
    refreshAfterMs: 10,
    maxAgeMs: 50,
  });
  const before = value.get();
  value.clear();
  const after = value.get();
  answers[1]?.('new');
  answers[0]?.('old');
  assert.equal(await before, 'old');
  assert.equal(await after, 'new');
  assert.equal(await value.get(), 'new');
});

test('an LRU map forgets the entry used longest ago', () => {
  const map = new LruMap<string, number>(2);
  map.set('a', 1);
  map.set('b', 2);
  assert.equal(map.get('a'), 1);
  map.set('c', 3);
  assert.equal(map.get('b'), undefined);
  assert.equal(map.get('a'), 1);
  assert.equal(map.size, 2);
});
