import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameBasedUuid } from './name-based.ts';

test('RFC 9562 appendix A.4: the name-based id of www.example.com', () => {
  assert.equal(
    nameBasedUuid('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com'),
    '2ed6657d-e927-568b-95e1-2665a8aea6a2',
  );
});

test('a namespace that is no UUID is refused', () => {
  assert.throws(() => nameBasedUuid('dns', 'www.example.com'), TypeError);
});
