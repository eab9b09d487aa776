import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import {
  bytes,
  bytesToGibCeil,
  bytesToGibFloor,
  bytesToMibCeil,
  gib,
  gibToBytes,
  gibToMib,
  iops,
  iopsLimit,
  iopsPerTib,
  mib,
  mibToBytes,
  QuantityError,
} from './quantities.ts';

test('STO-08: 0.5 TiB Standard gives 750 IOPS', () => {
  assert.equal(iopsLimit(iopsPerTib(1500), gib(512)), 750);
});

test('STO-08: 10 TiB Ultra gives 150 000 IOPS', () => {
  assert.equal(iopsLimit(iopsPerTib(15_000), gib(10_240)), 150_000);
});

test('STO-08: the limit never goes down as the ordered size grows', () => {
  const rate = fc.constantFrom(500, 1500, 3000, 7500, 15_000);
  fc.assert(
    fc.property(rate, fc.integer({ min: 0, max: 20_480 }), fc.integer({ min: 0, max: 20_480 }), (perTib, a, b) => {
      const [small, large] = a <= b ? [a, b] : [b, a];
      assert.ok(iopsLimit(iopsPerTib(perTib), gib(small)) <= iopsLimit(iopsPerTib(perTib), gib(large)));
    }),
  );
});

test('whole GiB survive the way to bytes and back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 8_000_000 }), (size) => {
      assert.equal(bytesToGibFloor(gibToBytes(gib(size))), size);
      assert.equal(bytesToGibCeil(gibToBytes(gib(size))), size);
      assert.equal(mibToBytes(gibToMib(gib(size))), gibToBytes(gib(size)));
    }),
  );
});

test('rounding: down is what is there, up is what must be ordered', () => {
  const odd = bytes(gibToBytes(gib(3)) + 1);
  assert.equal(bytesToGibFloor(odd), 3);
  assert.equal(bytesToGibCeil(odd), 4);
  assert.equal(bytesToMibCeil(odd), 3 * 1024 + 1);
});

test('a fraction, a negative or an unsafe number is refused', () => {
  for (const make of [bytes, mib, gib, iops, iopsPerTib]) {
    for (const value of [0.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      assert.throws(() => make(value), QuantityError);
    }
  }
});
