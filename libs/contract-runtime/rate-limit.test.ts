import assert from 'node:assert/strict';
import { test } from 'node:test';
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
