import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError, ERRORS } from './errors.ts';
import { createContractServer } from './server.ts';

test('a message is filled in from its values and never repeats an id', () => {
  const error = new ApiError('conflict', { detail: 'the disk 6F0D0A3E-52c1-4d0b-9502-0d6c1f2a7b11 is in use' });
  assert.equal(error.message, 'the disk (id) is in use.');
  assert.equal(error.status, 409);
});

test('causes and details are kept, whether or not the message has values', () => {
  const cause = new Error('inner');
  const plain = new ApiError('not_found', { details: { hint: 'x' }, cause });
  assert.deepEqual([plain.details, plain.cause], [{ hint: 'x' }, cause]);
  const filled = new ApiError('unavailable', { what: 'The storage' }, { cause });
  assert.equal(filled.cause, cause);
  assert.match(filled.message, /^The storage cannot be reached/);
});

test('every entry of the table has a 4xx or 5xx status, a code in snake case and a text without 502', () => {
  for (const [code, { status, message }] of Object.entries(ERRORS)) {
    assert.match(code, /^[a-z]+(_[a-z]+)*$/);
    assert.ok(status >= 400 && status <= 503, code);
    assert.doesNotMatch(message, /502|Bad Gateway/);
  }
});

test('request ids never hold 502', async () => {
  const app = createContractServer();
  app.get('/', async (request) => request.id);
  // One UUID in about 150 holds it, so 2,000 would show it.
  for (let i = 0; i < 2000; i += 1) assert.doesNotMatch((await app.inject({ url: '/' })).body, /502/);
});
