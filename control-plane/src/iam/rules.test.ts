import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import { permissionNames, roleIdOf } from './permissions.ts';
import { checkGrantable, checkTokenRequest, isId } from './rules.ts';
import { hashSecret, newSecret, secretMatches } from './secrets.ts';

const now = new Date('2026-11-21T12:00:00Z');
const names = new Map(permissionNames.map((name) => [roleIdOf(name), name]));

test('IAM-06: a set of permissions can be given exactly when the caller holds all of it', () => {
  const permissions = fc.uniqueArray(fc.constantFrom(...permissionNames));
  fc.assert(
    fc.property(permissions, permissions, (wanted, held) => {
      const give = (): void => checkGrantable(wanted.map(roleIdOf), names, new Set(held));
      const missing = wanted.find((permission) => !held.includes(permission));
      if (missing === undefined) give();
      else
        assert.throws(
          give,
          (error) => error instanceof ApiError && error.code === 'forbidden' && error.message.includes(missing),
        );
    }),
  );
});

test('an id that is no role is told apart from a permission that is not held', () => {
  const give = (): void => checkGrantable([roleIdOf('iam_read'), roleIdOf('no such permission')], names, new Set());
  assert.throws(give, (error) => error instanceof ApiError && error.code === 'unknown_reference');
});

test('notes §3.2: every date from now to the year 9999 is taken, any other number is refused', () => {
  const last = Date.UTC(10_000, 0, 1) - 1;
  const request = (expirationDate: number): void => checkTokenRequest({ name: 'x', roles: ['r'], expirationDate }, now);
  fc.assert(fc.property(fc.integer({ min: now.getTime() + 1, max: last }), request));
  const outside = fc.oneof(
    fc.integer({ max: now.getTime() }),
    fc.integer({ min: last + 1, max: Number.MAX_SAFE_INTEGER }),
    fc.double(),
  );
  fc.assert(
    fc.property(outside, (date) => {
      if (Number.isInteger(date) && date > now.getTime() && date <= last) return;
      assert.throws(() => request(date), ApiError);
    }),
  );
});

test('only lower-case UUIDs are ids', () => {
  fc.assert(fc.property(fc.uuid(), (id) => assert.ok(isId(id))));
  fc.assert(fc.property(fc.string(), (text) => assert.ok(!isId(text))));
  fc.assert(fc.property(fc.uuid(), (id) => assert.ok(!isId(`${id}'`) && !isId(` ${id}`) && !isId(`${id}\n`))));
});

test('IAM-10: a secret matches its own hash only, and two hashes of one secret differ', async () => {
  const [one, other] = [newSecret(), newSecret()];
  assert.match(one, /^[\w-]{43}$/);
  const hash = await hashSecret(one);
  assert.notEqual(hash, await hashSecret(one));
  assert.ok(!hash.includes(one));
  assert.ok(await secretMatches(one, hash));
  for (const wrong of [other, '', `${one} `, one.repeat(10)]) assert.ok(!(await secretMatches(wrong, hash)), wrong);
  assert.ok(!(await secretMatches(one, null)));
});

test('a flood of log-ins is bounded: some are told to come back, the rest are answered', async () => {
  const answers = await Promise.allSettled(Array.from({ length: 100 }, () => secretMatches('x', null)));
  const refused = answers.filter(({ status }) => status === 'rejected');
  assert.equal(refused.length, 100 - 66, 'two at work and 64 waiting');
  for (const answer of refused)
    assert.ok(
      answer.status === 'rejected' && answer.reason instanceof ApiError && answer.reason.code === 'unavailable',
    );
  assert.ok(!(await secretMatches('x', null)), 'and afterwards there is room again');
});
