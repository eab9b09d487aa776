import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { waitFor } from '#libs/process/wait.ts';
import { OvsdbClient } from './client.ts';
import { OvsdbProtocolError, OvsdbTimeout, OvsdbTransactionError, OvsdbUnavailable } from './errors.ts';
import { JsonFramer } from './framing.ts';

interface Message {
  method?: string;
  params?: unknown[];
  id: unknown;
  result?: unknown;
}
/** Answers one message with what is to be written, as one chunk. */
type Script = (message: Message) => unknown[];

const SCHEMA = { tables: { Port: { columns: { name: { type: 'string' } } } } };
const ROW = '11111111-1111-1111-1111-111111111111';

function reply(message: Message, result: unknown): unknown {
  return { id: message.id, result, error: null };
}

/** The answers that bring a client to life, then `script`. */
function handshake(script: Script): Script {
  return (message) => {
    if (message.method === 'get_schema') return [reply(message, SCHEMA)];
    if (message.method === 'monitor_cond') return [reply(message, { Port: { [ROW]: { initial: { name: 'p1' } } } })];
    return script(message);
  };
}

/** A server that follows a script; answers its socket path, its connections and all it has received. */
async function serve(
  t: TestContext,
  script: Script,
): Promise<{ endpoints: string; sockets: Socket[]; received: Message[] }> {
  const dir = mkdtempSync(join(tmpdir(), 'bst-ovsdb-'));
  const path = join(dir, 's');
  const sockets: Socket[] = [];
  const received: Message[] = [];
  const server = createServer((socket) => {
    const framer = new JsonFramer();
    sockets.push(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk) => {
      for (const message of framer.push(Buffer.from(chunk)) as Message[]) {
        received.push(message);
        socket.write(
          script(message)
            .map((one) => JSON.stringify(one))
            .join(''),
        );
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
    rmSync(dir, { recursive: true, force: true });
  });
  return { endpoints: `unix:${path}`, sockets, received };
}

function open(
  t: TestContext,
  endpoints: string,
  options: { requestTimeoutMs?: number; keepAliveMs?: number } = {},
): OvsdbClient {
  const client = new OvsdbClient({
    endpoints,
    database: 'D',
    tables: { Port: ['name'] },
    availabilityWaitMs: 2_000,
    ...options,
  });
  t.after(() => client.close());
  return client;
}

const comment = [{ op: 'comment', comment: 'x' } as const];

test('an update in the same chunk as the snapshot is not lost', async (t) => {
  const script = handshake(() => []);
  const { endpoints } = await serve(t, (message) => {
    const update = {
      method: 'update2',
      id: null,
      params: ['replica', { Port: { [ROW]: { modify: { name: 'p2' } } } }],
    };
    return message.method === 'monitor_cond' ? [...script(message), update] : script(message);
  });
  const client = open(t, endpoints);
  await client.ready();
  assert.equal(client.replica.row('Port', ROW)?.text('name'), 'p2');
});

test('RFC 7047 §4.1.3: the error of an operation and of the commit, and answers that make no sense', async (t) => {
  const answers: unknown[] = [
    [{}, { error: 'timed out', details: 'why' }, null],
    [{}, {}, { error: 'constraint violation' }],
    [{}],
    'no',
    [{ count: 1 }, {}],
  ];
  const { endpoints } = await serve(
    t,
    handshake((message) => [reply(message, answers.shift())]),
  );
  const client = open(t, endpoints);
  const run = (): Promise<unknown> => client.transact([...comment, ...comment]);
  const failed = (operation: number | null) => (error: unknown) =>
    error instanceof OvsdbTransactionError && error.operation === operation;
  await assert.rejects(run(), failed(1));
  await assert.rejects(run(), failed(null));
  await assert.rejects(run(), OvsdbProtocolError);
  await assert.rejects(run(), OvsdbProtocolError);
  assert.deepEqual(await run(), [{ count: 1 }, {}]);
});

test('RFC 7047 §4.1.11: echo is answered, and a request without answer times out', async (t) => {
  const { endpoints, sockets, received } = await serve(
    t,
    handshake(() => []),
  );
  const client = open(t, endpoints, { requestTimeoutMs: 50 });
  await client.ready();
  sockets[0]?.write(JSON.stringify({ method: 'echo', params: ['hello'], id: 'e1' }));
  await assert.rejects(client.transact(comment), OvsdbTimeout);
  assert.deepEqual(
    received.find((message) => message.id === 'e1'),
    { id: 'e1', result: ['hello'], error: null },
  );
});

test('a broken connection fails what is under way; the client comes back and reads everything again', async (t) => {
  const { endpoints, sockets } = await serve(
    t,
    handshake((message) => (sockets.length === 1 ? [] : [reply(message, [{}])])),
  );
  const client = open(t, endpoints);
  await client.ready();
  const pending = Promise.all([
    assert.rejects(client.transact(comment), OvsdbUnavailable),
    assert.rejects(client.transact(comment), OvsdbUnavailable),
  ]);
  sockets[0]?.destroy();
  await pending;
  assert.deepEqual(await client.transact(comment), [{}]);
  assert.equal(client.replica.rows('Port').size, 1);
});

test('a silent server is given up after two keep-alive intervals', async (t) => {
  const script = handshake(() => []);
  const { endpoints, sockets } = await serve(t, script);
  const client = open(t, endpoints, { keepAliveMs: 50 });
  await client.ready();
  await assert.rejects(client.transact(comment), OvsdbUnavailable);
  await client.ready();
  assert.ok(sockets.length >= 2);
});

test('nonsense from the server ends the session', async (t) => {
  const { endpoints, sockets } = await serve(
    t,
    handshake(() => []),
  );
  const client = open(t, endpoints);
  await client.ready();
  const pending = assert.rejects(client.transact(comment), OvsdbUnavailable);
  sockets[0]?.write('nonsense');
  await pending;
});

test('a database without a chosen column is said to be so', async (t) => {
  const { endpoints } = await serve(t, (message) => [reply(message, { tables: { Port: { columns: {} } } })]);
  const client = new OvsdbClient({ endpoints, database: 'D', tables: { Port: ['name'] }, availabilityWaitMs: 100 });
  t.after(() => client.close());
  await assert.rejects(client.ready(), /the table "Port" has no column "name"/);
});

test('waiting for a row ends with the row, with its deadline, and survives a new snapshot', async (t) => {
  const { endpoints, sockets } = await serve(
    t,
    handshake(() => []),
  );
  const client = open(t, endpoints);
  await client.ready();
  const until = (name: string) => ({
    until: (row: { text(column: string): string } | undefined) => row?.text('name') === name,
    timeoutMs: 2_000,
  });
  assert.equal(await client.replica.waitRow('Port', ROW, until('p1')), true);
  assert.equal(await client.replica.waitRow('Port', ROW, { ...until('never'), timeoutMs: 20 }), false);
  const waiting = client.replica.waitRow('Port', ROW, until('p1'));
  const changed = client.replica.waitRow('Port', ROW, until('p9'));
  sockets[0]?.write(
    JSON.stringify({
      method: 'update2',
      id: null,
      params: ['replica', { Port: { [ROW]: { modify: { name: 'p9' } } } }],
    }),
  );
  assert.equal(await changed, true);
  const restored = client.replica.waitRow('Port', ROW, until('p1'));
  sockets[0]?.destroy();
  assert.deepEqual(await Promise.all([waiting, restored]), [true, true]);
});

test('a closed client refuses at once', async (t) => {
  const { endpoints } = await serve(
    t,
    handshake(() => []),
  );
  const client = open(t, endpoints);
  const started = performance.now();
  await client.close();
  await assert.rejects(client.transact(comment), OvsdbUnavailable);
  assert.ok(performance.now() - started < 1_000);
});

test('closing does not wait for a server that says nothing', async (t) => {
  const { endpoints, received } = await serve(t, () => []);
  const client = new OvsdbClient({ endpoints, database: 'D', tables: { Port: ['name'] }, availabilityWaitMs: 30_000 });
  const ready = assert.rejects(client.ready(), OvsdbUnavailable);
  await waitFor(() => received.length > 0, { what: 'the first request', timeoutMs: 5_000 });
  const started = performance.now();
  await client.close();
  await ready;
  assert.ok(performance.now() - started < 1_000);
});
