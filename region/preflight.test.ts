import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { withLock } from './lock.ts';
import { StatePaths } from './paths.ts';
import { assertPortsFree } from './ports.ts';
import { checkStateFolder } from './preflight.ts';
import { resolveTopology } from './topology.ts';

const topology = resolveTopology(
  {},
  { simulated: true, previous: null, endpoints: { host: () => '', array: () => '' } },
);

test('a busy port is refused by its number, its purpose, its holder and the way out; one held by us is not', async () => {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const wanted = [{ port, purpose: 'the tenant API of control-1', key: 'listen.tenantPort' }];
  try {
    await assert.rejects(assertPortsFree(wanted, '127.0.0.1', new Set()), (error: Error) => {
      assert.match(error.message, new RegExp(`port ${port}, for the tenant API of control-1, is in use`));
      if (process.platform === 'linux') assert.match(error.message, new RegExp(`process ${process.pid} \\(`));
      return /listen\.tenantPort/.test(error.message);
    });
    if (process.platform === 'linux') await assertPortsFree(wanted, '127.0.0.1', new Set([process.pid]));
  } finally {
    server.close();
  }
  await assertPortsFree(wanted, '127.0.0.1', new Set());
});

test('a state folder whose sockets would have too long a path is refused', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bst-pre-'));
  try {
    checkStateFolder(new StatePaths(folder), topology, { sharedWithAccounts: false, kind: 'again' });
    const long = join(folder, 'x'.repeat(80));
    assert.throws(
      () => checkStateFolder(new StatePaths(long), topology, { sharedWithAccounts: false, kind: 'again' }),
      /too long.*107.*shorter --state/s,
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('a state folder that service accounts cannot reach is refused by the folder in the way', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bst-pre-'));
  try {
    chmodSync(folder, 0o755);
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });
    const state = new StatePaths(join(closed, 's'));
    assert.throws(
      () => checkStateFolder(state, topology, { sharedWithAccounts: true, kind: 'again' }),
      new RegExp(`cannot pass through ${closed} `),
    );
    chmodSync(closed, 0o711);
    checkStateFolder(state, topology, { sharedWithAccounts: true, kind: 'again' });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('only one command works on a state folder; a lock whose holder died is taken over', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bst-pre-'));
  const lock = join(folder, 'lock');
  try {
    await withLock(lock, async () => {
      await assert.rejects(
        withLock(lock, async () => undefined),
        new RegExp(`process ${process.pid} is at work`),
      );
    });
    writeFileSync(lock, `${process.pid} an earlier boot\n`);
    assert.equal(await withLock(lock, async () => 'taken over'), 'taken over');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
