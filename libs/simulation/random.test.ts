import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { drawLatency } from './latency.ts';
import { hash53, seededRandom } from './random.ts';

const draws = (seed: number, label: string): number[] => {
  const random = seededRandom(seed, label);
  return Array.from({ length: 20 }, () => random.next());
};

test('the same seed and label give the same stream, another seed or label another one', () => {
  assert.deepEqual(draws(7, 'hosts/a'), draws(7, 'hosts/a'));
  assert.notDeepEqual(draws(7, 'hosts/a'), draws(8, 'hosts/a'));
  assert.notDeepEqual(draws(7, 'hosts/a'), draws(7, 'hosts/b'));
});

test('draws stay in [0, 1) and are spread out', () => {
  const random = seededRandom(1, 'spread');
  const buckets = Array.from({ length: 10 }, () => 0);
  for (let count = 0; count < 10_000; count += 1) {
    const index = Math.floor(random.next() * 10);
    buckets[index] = (buckets[index] ?? 0) + 1;
  }
  assert.equal(
    buckets.reduce((sum, each) => sum + each),
    10_000,
  );
  assert.ok(
    buckets.every((each) => each > 800 && each < 1200),
    String(buckets),
  );
});

test('latencies stay within their range', () => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(1000), fc.integer(), (min, more, seed) => {
      const latency = drawLatency([min, min + more], seededRandom(seed, 'x'));
      assert.ok(latency >= min && latency <= min + more);
    }),
  );
  assert.equal(drawLatency(undefined, seededRandom(1, 'x')), 0);
});

test('the hash of a content is a safe integer that depends on all of it', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (one, other) => {
      assert.ok(Number.isSafeInteger(hash53(one)));
      assert.equal(hash53(one) === hash53(other), one === other);
    }),
  );
});
