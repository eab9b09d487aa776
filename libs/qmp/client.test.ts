import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { QmpClient, QmpError, QmpUnavailable } from './client.ts';
import type { QmpEvent } from './client.ts';

const GREETING = { QMP: { version: { qemu: { major: 7, minor: 2, micro: 22 }, package: '' }, capabilities: [] } };

interface Request {
  execute: string;
  id: number;
}

/** A monitor whose answers the test decides. */
async function monitor(t: TestContext, answer: (request: Request, socket: Socket) => void): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'qm-'));
  const path = join(folder, 's');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.write(`${JSON.stringify(GREETING)}\r\n`);
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      for (const line of chunk.trim().split('\n')) answer(JSON.parse(line) as Request, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(folder, { recursive: true });
  });
  return path;
}

const say = (socket: Socket, message: object): boolean => socket.write(`${JSON.stringify(message)}\r\n`);

test('answers are matched by id, in whatever order and pieces they come', async (t) => {
  const held: Request[] = [];
  const path = await monitor(t, (request, socket) => {
    if (request.execute === 'qmp_capabilities') say(socket, { return: {}, id: request.id });
    else held.push(request);
    if (held.length < 2) return;
    const text = held
      .toReversed()
      .map(({ execute, id }) => `${JSON.stringify({ return: `é ${execute}`, id })}\r\n`)
      .join('');
    const bytes = Buffer.from(text);
    for (const byte of bytes) socket.write(Buffer.from([byte]));
  });
  const client = await QmpClient.connect(path, { timeoutMs: 5000 });
  assert.equal(client.version, '7.2.22');
  assert.deepEqual(await Promise.all([client.execute('a'), client.execute('b')]), ['é a', 'é b']);
  client.close();
});

test('a refusal is a QmpError with its class, an event is told', async (t) => {
  const path = await monitor(t, ({ execute, id }, socket) => {
    if (execute === 'qmp_capabilities') {
      say(socket, { return: {}, id });
      return;
    }
    say(socket, { event: 'STOP', timestamp: { seconds: 1, microseconds: 500_000 } });
    say(socket, { error: { class: 'CommandNotFound', desc: 'no such thing' }, id });
  });
  const client = await QmpClient.connect(path, { timeoutMs: 5000 });
  const events: QmpEvent[] = [];
  client.on('event', (event) => events.push(event));
  await assert.rejects(
    client.execute('nope'),
    (error) => error instanceof QmpError && error.class === 'CommandNotFound',
  );
  assert.deepEqual(events, [{ event: 'STOP', data: {}, timestamp: 1500 }]);
  client.close();
});

test('no answer, no connection, no QMP: each is QmpUnavailable', async (t) => {
  const path = await monitor(t, ({ execute, id }, socket) => {
    if (execute === 'qmp_capabilities') say(socket, { return: {}, id });
    if (execute === 'garbage') socket.write('not json\n');
  });
  const client = await QmpClient.connect(path, { timeoutMs: 5000 });
  await assert.rejects(client.execute('silence', undefined, { timeoutMs: 20 }), QmpUnavailable);
  const closed = new Promise<void>((resolve) => client.once('close', resolve));
  await assert.rejects(client.execute('garbage'), QmpUnavailable);
  await closed;
  await assert.rejects(client.execute('late'), QmpUnavailable);
  await assert.rejects(QmpClient.connect(`${path}-none`, { timeoutMs: 1000 }), QmpUnavailable);
  await assert.rejects(QmpClient.connect(path, { timeoutMs: 1000, signal: AbortSignal.abort() }), QmpUnavailable);
});
