// @serial: a whole region.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { readLivePid } from '#libs/process/pid-file.ts';
import { CommandFailed, run } from '#libs/process/run.ts';
import { send } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import type { RegionReport } from './status.ts';
import type { RegionSummary } from './summary.ts';

const cli = fileURLToPath(new URL('cli.ts', import.meta.url));

interface Place {
  readonly state: string;
  readonly topology: string;
  readonly ports: readonly number[];
  /** Runs a command on this state folder and answers its standard output. */
  bastide(command: string, ...args: string[]): Promise<string>;
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(servers.map((server) => once(server, 'listening')));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((closed) => server.close(closed))));
  return ports;
}

async function place(t: TestContext): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'bst-'));
  // The database runs under another account and has to get to its own folder inside.
  chmodSync(folder, 0o711);
  const state = join(folder, 's');
  const topology = join(folder, 'topology.yaml');
  const ports = await freePorts(3);
  const [tenantPort, plainPort, providerPort] = ports;
  writeFileSync(topology, `listen: ${JSON.stringify({ tenantPort, plainPort, providerPort })}\n`);
  const env = { ...process.env };
  delete env['DATABASE_URL'];
  const bastide = (command: string, ...args: string[]): Promise<string> =>
    run([process.execPath, cli, command, '--state', state, ...args], { timeoutMs: 180_000, env });
  t.after(async () => {
    if (existsSync(join(state, 'state.json'))) await bastide('destroy', '--yes');
    rmSync(folder, { recursive: true, force: true });
  });
  return { state, topology, ports, bastide };
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url, { signal: AbortSignal.timeout(5_000) })).status < 500;
  } catch {
    return false;
  }
}

test('up makes a simulated region, again is a no-op, after kill -9 of anything it mends, down stops all, up finds all again', async (t) => {
  const { state, topology, bastide } = await place(t);
  const up = async (...args: string[]): Promise<RegionSummary> =>
    JSON.parse(await bastide('up', '--detach', '--json', ...args)) as RegionSummary;
  const report = async (): Promise<RegionReport> => {
    // Status 3 says that not all of it runs; the report is printed all the same.
    const printed = await bastide('status', '--json').catch((error: unknown) =>
      error instanceof CommandFailed ? error.stdout : '',
    );
    return JSON.parse(printed) as RegionReport;
  };
  const first = await up('--simulated', '--topology', topology);
  assert.equal(first.simulated, true);
  assert.deepEqual(
    first.organisations.map(({ tenants }) => tenants.length),
    [2, 1],
  );
  assert.ok(
    first.organisations.every(({ tenants }) => tenants.every(({ token }) => token.id !== '' && token.secret !== '')),
  );
  assert.ok(first.plainUrl !== null && (await answers(first.plainUrl)));
  assert.match(readFileSync(first.caFile, 'utf8'), /BEGIN CERTIFICATE/);

  const before = await report();
  assert.equal(before.state, 'running');
  assert.deepEqual(await up(), first, 'a second up prints the same');
  const after = await report();
  assert.deepEqual(
    after.processes.map(({ name, pid }) => [name, pid]),
    before.processes.map(({ name, pid }) => [name, pid]),
    'and starts nothing',
  );

  for (const name of ['supervisor', 'postgres', 'control-1']) {
    const victim = readLivePid(join(state, 'run', `${name}.pid`));
    assert.ok(victim, name);
    send(victim, 'SIGKILL');
  }
  await waitFor(async () => (await report()).state !== 'running', { what: 'the kill to show', timeoutMs: 10_000 });
  assert.deepEqual(await up(), first);
  const mended = await report();
  assert.equal(mended.state, 'running');
  const pidOf = (of: RegionReport, name: string): number | null | undefined =>
    of.processes.find((one) => one.name === name)?.pid;
  assert.equal(pidOf(mended, 'simulated'), pidOf(before, 'simulated'), 'what had lived was adopted');
  assert.notEqual(pidOf(mended, 'postgres'), pidOf(before, 'postgres'));

  await bastide('down');
  const stopped = await report();
  assert.equal(stopped.state, 'stopped');
  assert.equal(stopped.supervised, false);
  assert.equal(await answers(first.plainUrl), false);
  assert.deepEqual(await up(), first, 'identities and tokens outlive a down');
});

test('a busy port stops up before it has started anything, with the port in the message', async (t) => {
  const { state, topology, ports, bastide } = await place(t);
  const [tenantPort = 0] = ports;
  const holder = createServer().listen(tenantPort, '127.0.0.1');
  await once(holder, 'listening');
  try {
    await assert.rejects(bastide('up', '--simulated', '--detach', '--topology', topology), (error: unknown) => {
      assert.ok(error instanceof CommandFailed);
      return new RegExp(`port ${tenantPort}, for the tenant API`).test(error.stderr);
    });
    assert.equal(existsSync(join(state, 'state.json')), false);
  } finally {
    holder.close();
  }
});

test('in the foreground, Ctrl-C stops the region', async (t) => {
  const { state, topology } = await place(t);
  const child = spawn(process.execPath, [cli, 'up', '--state', state, '--simulated', '--topology', topology], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  await waitFor(
    () => {
      if (child.exitCode !== null) throw new Error(said);
      return said.includes('Ctrl-C stops the region');
    },
    { what: 'the region', timeoutMs: 120_000 },
  );
  assert.match(said, /SIMULATED region/);
  assert.match(said, /Region fr1 is ready/);
  child.kill('SIGINT');
  const [code] = (await once(child, 'exit')) as [number | null];
  assert.equal(code, 0, said);
  assert.equal(readLivePid(join(state, 'run', 'postgres.pid')), null);
  assert.equal(readLivePid(join(state, 'run', 'supervisor.pid')), null);
});

test('destroy asks, and refuses a folder that is no region', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bst-'));
  try {
    writeFileSync(join(folder, 'precious'), '');
    await assert.rejects(run([process.execPath, cli, 'destroy', '--yes', '--state', folder]), /there is no region/);
    assert.ok(existsSync(join(folder, 'precious')));
  } finally {
    rmSync(folder, { recursive: true });
    rmSync(`${folder}.lock`, { force: true });
  }
});
