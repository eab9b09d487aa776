import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { createCa, issueLeaf } from '#libs/tls/ca.ts';
import { startNorthbound } from '#test/support/ovsdb.ts';
import { OvsdbClient } from './client.ts';
import { OvsdbUnavailable } from './errors.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

test('a real ovsdb-server is reached over tcp and, with certificates only, over ssl', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'bst-pki-'));
  t.after(() => rmSync(dir, { recursive: true, force: true }));
  const file = (name: string, content: string): string => {
    writeFileSync(join(dir, name), content, { mode: 0o600 });
    return join(dir, name);
  };
  const pair = async (name: string) => {
    const authority = await createCa(`${name} authority`);
    const leaf = await issueLeaf(authority, { commonName: name });
    const [ca, cert, key] = [`${name}.ca`, `${name}.cert`, `${name}.key`];
    return { ca: file(ca, authority.cert), cert: file(cert, leaf.cert), key: file(key, leaf.key) };
  };
  const [ours, foreign] = [await pair('ours'), await pair('foreign')];
  const [tcp, ssl] = [await freePort(), await freePort()];
  const server = await startNorthbound(t, [
    `--remote=ptcp:${tcp}:127.0.0.1`,
    `--remote=pssl:${ssl}:127.0.0.1`,
    `--ca-cert=${ours.ca}`,
    `--certificate=${ours.cert}`,
    `--private-key=${ours.key}`,
  ]);
  if (server === undefined) return;
  const open = (endpoints: string, tls?: typeof ours): OvsdbClient => {
    const tables = { Logical_Switch: ['name'] };
    const client = new OvsdbClient({ endpoints, database: 'OVN_Northbound', tables, tls, availabilityWaitMs: 2_000 });
    t.after(() => client.close());
    return client;
  };
  // The first of two endpoints is dead, as a member of a cluster may be.
  const plain = open(`tcp:127.0.0.1:1,tcp:127.0.0.1:${tcp}`);
  const sealed = open(`ssl:127.0.0.1:${ssl}`, ours);
  await sealed.ready();
  const [made] = await plain.transact([{ op: 'insert', table: 'Logical_Switch', row: { name: 'net' } }]);
  const id = made?.uuid?.[1] ?? '';
  assert.ok(
    await sealed.replica.waitRow('Logical_Switch', id, {
      until: (row) => row?.text('name') === 'net',
      timeoutMs: 2_000,
    }),
  );
  await assert.rejects(open(`ssl:127.0.0.1:${ssl}`, foreign).ready(), OvsdbUnavailable);
});
