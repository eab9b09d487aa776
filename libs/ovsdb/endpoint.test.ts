import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseEndpoints } from './endpoint.ts';

test('connection methods of ovsdb(7) are read, several for a cluster', () => {
  assert.deepEqual(parseEndpoints('unix:/run/nb.sock'), [{ kind: 'unix', path: '/run/nb.sock' }]);
  assert.deepEqual(parseEndpoints('tcp:10.0.0.1:6641, ssl:[2001:db8::1]:6642,tcp:nb1'), [
    { kind: 'tcp', host: '10.0.0.1', port: 6641 },
    { kind: 'ssl', host: '2001:db8::1', port: 6642 },
    { kind: 'tcp', host: 'nb1', port: 6640 },
  ]);
});

test('anything else is refused by name', () => {
  for (const text of ['', 'unix:', 'udp:1.2.3.4:1', 'tcp:host:0', 'tcp:host:70000', 'tcp:a:b:c'])
    assert.throws(() => parseEndpoints(text), TypeError, text);
});
