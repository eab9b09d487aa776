import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatTable, percentile, readable } from './figures.ts';
import { HttpConnection } from './http-connection.ts';
import { cpuSeconds, pssMib } from './process-usage.ts';

test('a percentile is one of the values, and the share of values it is not below is at least the share asked for', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ noNaN: true }), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const value = percentile(values, share);
        assert.ok(values.includes(value));
        assert.ok(values.filter((each) => each <= value).length >= share * values.length);
      },
    ),
  );
  assert.equal(percentile([3, 1, 2], 0.5), 2);
});

test('the table compares with recorded figures and leaves out what was not recorded', () => {
  const figure = (name: string, value: number): { name: string; value: number; unit: string; note: string } => ({
    name,
    value,
    unit: 'ms',
    note: '',
  });
  const table = formatTable([figure('a', 20), figure('b', 1.234)], new Map([['a', 10]]));
  assert.match(table, /^a +20 +ms +×2\.00$/m);
  assert.match(table, /^b +1\.23 +ms$/m);
  assert.equal(readable(1234.5), '1235');
});

test('the load connection reads answers with a length, in chunks, and without a body, one after the other', async (t) => {
  const long = 'é'.repeat(100_000);
  const server = createServer((request, response) => {
    if (request.url === '/length') response.setHeader('Content-Length', Buffer.byteLength(long)).end(long);
    else if (request.url === '/chunks') {
      response.write('one ');
      setImmediate(() => response.end(long));
    } else response.writeHead(204, { Location: 'there' }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    server.closeAllConnections();
  });
  const connection = await HttpConnection.open(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'token');
  t.after(() => connection.close());
  assert.equal((await connection.send('GET', '/length')).body, long);
  assert.equal((await connection.send('GET', '/chunks')).body, `one ${long}`);
  assert.deepEqual(await connection.send('POST', '/none', '{}'), { status: 204, location: 'there', body: '' });
  server.closeAllConnections();
  await assert.rejects(connection.send('GET', '/length'));
});

test(
  'memory and CPU time of a process are read from /proc',
  { skip: process.platform !== 'linux' && 'needs Linux' },
  () => {
    assert.ok(pssMib(process.pid) > 10);
    assert.ok(cpuSeconds(process.pid) > 0);
    assert.equal(pssMib(2 ** 22 + 1), 0);
  },
);
