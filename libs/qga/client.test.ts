import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { QgaClient, QgaError, QgaUnavailable } from './client.ts';

interface Request {
  execute: string;
  arguments?: { id?: number };
}

/** A guest agent whose answers the test decides; guest-sync-delimited it answers by itself, after `stale` text. */
async function agent(
  t: TestContext,
  options: { stale?: string; answer: (request: Request, socket: Socket) => void },
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'qg-'));
  const path = join(folder, 's');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.subarray(chunk.lastIndexOf(0xff) + 1).toString();
      for (const line of text.trim().split('\n')) {
        const request = JSON.parse(line) as Request;
        if (request.execute !== 'guest-sync-delimited') options.answer(request, socket);
        else
          socket.write(
            Buffer.concat([
              Buffer.from(options.stale ?? ''),
              Buffer.from([0xff]),
              Buffer.from(`{"return": ${request.arguments?.id}}\n`),
            ]),
          );
      }
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

test('what an earlier conversation left in the channel is skipped', async (t) => {
  const path = await agent(t, {
    stale: '{"return": {"half": \n{"return": 17}\n{"error": {"class": "GenericError", "desc": "old"}}\n{"ret',
    answer: (_, socket) => socket.write('{"return": {"version": "7.2"}}\n'),
  });
  const client = await QgaClient.connect(path, { timeoutMs: 5000 });
  assert.deepEqual(await client.execute('guest-info'), { version: '7.2' });
  assert.deepEqual(await Promise.all([client.execute('guest-info'), client.execute('guest-info')]), [
    { version: '7.2' },
    { version: '7.2' },
  ]);
  client.close();
});

test('an answer that comes too late is not taken for the next one', async (t) => {
  let first: Socket | undefined;
  const path = await agent(t, {
    answer: ({ execute }, socket) => {
      if (execute === 'slow') first = socket;
      else {
        first?.write('{"return": "late"}\n');
        socket.write('{"return": "now"}\n');
      }
    },
  });
  const client = await QgaClient.connect(path, { timeoutMs: 5000 });
  await assert.rejects(client.execute('slow', undefined, { timeoutMs: 30 }), QgaUnavailable);
  first?.write('{"return": "late"}\n');
  first = undefined;
  assert.equal(await client.execute('quick'), 'now');
  client.close();
});

test('a refusal is a QgaError; a closed channel and silence are QgaUnavailable', async (t) => {
  const path = await agent(t, {
    answer: ({ execute }, socket) => {
      if (execute === 'bad') socket.write('{"error": {"class": "CommandNotFound", "desc": "disabled"}}\n');
      if (execute === 'hang-up') socket.destroy();
    },
  });
  const client = await QgaClient.connect(path, { timeoutMs: 5000 });
  await assert.rejects(
    client.execute('bad'),
    (error) => error instanceof QgaError && error.class === 'CommandNotFound',
  );
  await client.send('guest-shutdown', { mode: 'powerdown' }, { timeoutMs: 1000 });
  await assert.rejects(client.execute('hang-up'), QgaUnavailable);
  await assert.rejects(client.execute('bad'), QgaUnavailable);
  await assert.rejects(QgaClient.connect(`${path}-none`, { timeoutMs: 1000 }), QgaUnavailable);
});
