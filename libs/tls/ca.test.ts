import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { createCa, issueLeaf, isUsable } from './ca.ts';
import { CertificateStore } from './store.ts';

test('a leaf is accepted in mutual TLS by address and by name, and a stranger is not', async () => {
  const ca = await createCa('Test CA');
  const server = await issueLeaf(ca, { commonName: 'server', names: ['127.0.0.1', '::1', 'localhost'] });
  const client = await issueLeaf(ca, { commonName: 'client' });
  const strangers = await createCa('Test CA');
  const stranger = await issueLeaf(strangers, { commonName: 'client' });
  const listener = createServer({ ...server, ca: ca.cert, requestCert: true, rejectUnauthorized: true }, (socket) => {
    socket.on('error', () => undefined);
    socket.end(socket.authorized ? 'in' : 'out');
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const port = (listener.address() as AddressInfo).port;
  const talk = async (pair: { cert: string; key: string }, servername?: string): Promise<string> => {
    const socket = connect({ host: '127.0.0.1', port, ca: ca.cert, ...pair, ...(servername ? { servername } : {}) });
    let heard = '';
    socket.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    await once(socket, 'end');
    return heard;
  };
  try {
    assert.equal(await talk(client), 'in');
    assert.equal(await talk(client, 'localhost'), 'in');
    // TLS 1.3: the client is through with its handshake before the server has judged its certificate.
    assert.notEqual(await talk(stranger).catch(() => 'refused'), 'in');
    await assert.rejects(talk(client, 'elsewhere.example'), { code: 'ERR_TLS_CERT_ALTNAME_INVALID' });
  } finally {
    listener.close();
  }
});

test('the store keeps what is good and renews what ends within 30 days, lacks a name, or lost its key', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bst-tls-'));
  try {
    const tls = join(folder, 'tls');
    const secrets = join(folder, 'secrets');
    const first = await CertificateStore.open(tls, secrets, 'Test CA');
    const made = await first.ensureLeaf({ commonName: 'web', names: ['localhost'] });
    assert.equal(made.renewed, true);
    assert.equal(statSync(made.key).mode & 0o777, 0o600);
    assert.equal(statSync(join(secrets, 'ca.key')).mode & 0o777, 0o600);
    const again = await CertificateStore.open(tls, secrets, 'Test CA');
    assert.equal((await again.ensureLeaf({ commonName: 'web', names: ['localhost'] })).renewed, false);
    assert.equal((await again.ensureLeaf({ commonName: 'web', names: ['localhost', '::1'] })).renewed, true);
    assert.equal((await again.ensureLeaf({ commonName: 'brief', days: 29 })).renewed, true);
    assert.equal(
      (await again.ensureLeaf({ commonName: 'brief', days: 31 })).renewed,
      true,
      'within 30 days of its end',
    );
    assert.equal((await again.ensureLeaf({ commonName: 'brief' })).renewed, false);
    writeFileSync(made.key, (await createCa('other')).key);
    assert.equal((await again.ensureLeaf({ commonName: 'web' })).renewed, true, 'key of another certificate');
    const cert = readFileSync(made.cert, 'utf8');
    const key = readFileSync(made.key, 'utf8');
    assert.equal(isUsable({ cert, key }, (await createCa('Test CA')).cert, { days: 1 }), false, 'signed by another CA');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
