import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { canonicalResourceId, checkTagRequest } from './rules.ts';

test('a UUID is one id in any case; any other text stays as it is', () => {
  fc.assert(fc.property(fc.uuid(), (id) => assert.equal(canonicalResourceId(id.toUpperCase()), id)));
  fc.assert(fc.property(fc.string(), (text) => assert.equal(canonicalResourceId(text), text)));
});

test('a request is taken exactly when every text is within its limit', () => {
  const text = fc.integer({ min: 0, max: 1_100 }).map((length) => 'x'.repeat(length));
  fc.assert(
    fc.property(text, text, text, (key, value, uuid) => {
      const check = (): void => checkTagRequest({ key, value, resources: [{ uuid, type: 't', source: 's' }] });
      const fits =
        key.length >= 1 && key.length <= 255 && value.length <= 1_024 && uuid.length >= 1 && uuid.length <= 128;
      if (fits) check();
      else assert.throws(check, /at most|not be empty/);
    }),
  );
});
