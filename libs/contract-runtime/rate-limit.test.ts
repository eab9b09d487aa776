import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { RateLimiter } from './rate-limit.ts';
import { ID, bound, send } from './things.fixture.ts';

test('API-05: the 26th request within a second is refused; failed ones do not count', async () => {
  let now = 0;
  const rateLimits = { enabled: true, exemptLoopback: false, now: () => now };
  const { app } = await bound({ options: { rateLimits } });
  const url = `/things/v1/things/${ID}`;
  for (let i = 0; i < 60; i += 1) assert.equal((await send(app, { url: '/things/v1/things/none' })).statusCode, 404);
  for (let i = 0; i < 25; i += 1) assert.equal((await send(app, { url })).statusCode, 200);
  const refused = await send(app, { url: `/api${url}` });
  assert.equal(refused.statusCode, 429);
  assert.match(String(refused.headers['retry-after']), /^[1-9]\d*$/);
  assert.deepEqual(refused.json<{ error: object }>().error, {
    status: '429 Too Many Requests',
    message: 'Too Many Requests',
  });
  for (let i = 0; i < 5; i += 1) assert.equal((await send(app, { method: 'POST', url: '/login' })).statusCode, 200);
  assert.equal((await send(app, { method: 'POST', url: '/login' })).statusCode, 429);
  now = 1000;
  assert.equal((await send(app, { url })).statusCode, 200);
});

test('API-06: off by default; on, the same request twice within a second is refused', async () => {
  const { app } = await bound({
    options: { rateLimits: { enabled: true, exemptLoopback: false, refuseIdentical: true, now: () => 0 } },
  });
  const url = `/things/v1/things/${ID}`;
  assert.equal((await send(app, { url })).statusCode, 200);
  assert.equal((await send(app, { url })).statusCode, 429);
  assert.equal((await send(app, { url: `/things/v1/strict/${ID}` })).statusCode, 200);
});

test('loopback can be exempt from the limits', async () => {
  const { app } = await bound({ options: { rateLimits: { enabled: true, exemptLoopback: true, now: () => 0 } } });
  for (let i = 0; i < 40; i += 1) assert.equal((await send(app, { url: `/things/v1/things/${ID}` })).statusCode, 200);
});

test('API-05: sources are counted apart, an IPv6 subscriber as one, and what failed is given back', () => {
  let now = 0;
  const limiter = new RateLimiter({ enabled: true, exemptLoopback: true, perSecond: 2, now: () => now });
  const takeAll = (ip: string): number[] => [1, 2, 3].map(() => limiter.take('iam', ip));
  assert.deepEqual(takeAll('192.0.2.1'), [0, 0, 1]);
  assert.deepEqual(takeAll('192.0.2.2'), [0, 0, 1]);
  assert.deepEqual(takeAll('2001:db8::1'), [0, 0, 1]);
  assert.equal(limiter.take('iam', '2001:db8:0:0:ffff::2'), 1);
  assert.equal(limiter.take('iam', '2001:db8:0:1::2'), 0);
  assert.equal(limiter.take('iam', '::ffff:192.0.2.1'), 1);
  assert.equal(limiter.take('vpc', '192.0.2.1'), 0);
  limiter.giveBack('iam', '192.0.2.1');
  assert.equal(limiter.take('iam', '192.0.2.1'), 0);
  now = 500;
  assert.deepEqual(takeAll('192.0.2.1'), [0, 1, 1]);
  assert.deepEqual(takeAll('::1'), [0, 0, 0]);
});

test('API-05: over any second no more than twice the rate passes, and a patient caller is never refused', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 200 }), (gaps) => {
      let now = 0;
      const limiter = new RateLimiter({ enabled: true, exemptLoopback: false, perSecond: 5, now: () => now });
      const granted: number[] = [];
      for (const gap of gaps) {
        now += gap;
        if (limiter.take('iam', '192.0.2.1') === 0) granted.push(now);
        else assert.ok(gap < 200, 'refused although a fifth of a second had passed');
      }
      for (const at of granted) assert.ok(granted.filter((other) => other >= at && other < at + 1000).length <= 10);
    }),
  );
});
