import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { hostName } from './host-name.ts';

test('RFC 1123: whatever the name, the label is valid and never empty', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (name) => {
      assert.match(hostName(name), /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/);
    }),
  );
});

test('a name that is a label already stays as it is, accents are taken off', () => {
  assert.equal(hostName('web-01'), 'web-01');
  assert.equal(hostName('Serveur été n°2'), 'serveur-ete-n-2');
  assert.equal(hostName('***'), 'instance');
});
