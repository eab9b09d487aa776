import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { writeFileAtomic } from './atomic-file.ts';
import { identify, isAlive } from './identity.ts';
import { readLivePid, writePidFile } from './pid-file.ts';
import { CommandFailed, run } from './run.ts';
import { spawnDetached } from './spawn.ts';
import { terminate } from './terminate.ts';
import { waitFor, WaitTimeout } from './wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'bst-proc-'));
after(() => rmSync(folder, { recursive: true }));
const node = process.execPath;

test('a pid file names one process: not a later one with its number, not an ended one', async () => {
  const path = join(folder, 'a.pid');
  const child = await spawnDetached({
    argv: [node, '-e', 'setInterval(() => {}, 1e6)'],
    logFile: join(folder, 'a.log'),
  });
  writePidFile(path, child);
  assert.equal(readLivePid(path)?.pid, child.pid);
  assert.equal(isAlive({ pid: child.pid, startTime: 'another' }), false);
  assert.equal(await terminate(child), 'ended');
  assert.equal(readLivePid(path), null);
  assert.equal(await terminate(child), 'gone');
  writeFileSync(path, `${process.pid}\n`);
  assert.equal(readLivePid(path)?.pid, process.pid, 'a bare number, as other daemons write it');
  writeFileSync(path, `${process.pid} another time\n`);
  assert.equal(readLivePid(path), null);
  writeFileSync(path, 'not a pid');
  assert.equal(readLivePid(path), null);
});

test('a process that ignores SIGTERM is killed after the grace time', async () => {
  const log = join(folder, 'b.log');
  const script = `process.on('SIGTERM', () => {}); setInterval(() => {}, 1e6); console.log('ready')`;
  const child = await spawnDetached({ argv: [node, '-e', script], logFile: log });
  await waitFor(() => readFileSync(log, 'utf8').includes('ready'), { what: 'the child', timeoutMs: 10_000 });
  assert.equal(await terminate(child, { graceMs: 50 }), 'killed');
});

test('a zombie is not alive', { skip: process.platform !== 'linux' && 'needs /proc' }, async () => {
  // The shell starts a child that ends at once and never waits for it: exec replaces the shell by sleep.
  const parent = spawn('/bin/sh', ['-c', 'true & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [line] = (await once(parent.stdout, 'data')) as [Buffer];
  const zombie = Number(line.toString());
  try {
    await waitFor(() => /\) Z /.test(readFileSync(`/proc/${zombie}/stat`, 'utf8')), {
      what: 'the zombie',
      timeoutMs: 5_000,
    });
    assert.equal(identify(zombie), null);
  } finally {
    parent.kill('SIGKILL');
  }
});

test('an atomic write replaces the whole file with its mode and leaves no draft behind when it fails', () => {
  const path = join(folder, 'c.json');
  writeFileAtomic(path, 'one', { mode: 0o600 });
  writeFileAtomic(path, 'two', { mode: 0o600 });
  assert.equal(readFileSync(path, 'utf8'), 'two');
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.throws(() => writeFileAtomic(folder, 'a folder is in the way'));
  assert.deepEqual(
    readdirSync(tmpdir()).filter((name) => name.startsWith(`${folder.split('/').at(-1)}.`)),
    [],
  );
});

test('run answers standard output, feeds input, and says what failed', async () => {
  assert.equal(await run(['cat'], { input: 'hello' }), 'hello');
  await assert.rejects(run(['sh', '-c', 'echo why >&2; exit 3']), (error: unknown) => {
    assert.ok(error instanceof CommandFailed);
    assert.equal(error.status, 3);
    assert.match(error.message, /exit status 3: why/);
    return true;
  });
  await assert.rejects(run(['sleep', '60'], { timeoutMs: 50 }), /no answer within 50 ms/);
  await assert.rejects(run(['/no/such/command']), { code: 'ENOENT' });
});

test('a wait has a deadline and names what it waited for', async () => {
  await assert.rejects(
    waitFor(() => false, { what: 'Godot', timeoutMs: 30, intervalMs: 5 }),
    (error: unknown) => {
      assert.ok(error instanceof WaitTimeout);
      return /30 ms waiting for Godot/.test(error.message);
    },
  );
  await assert.rejects(spawnDetached({ argv: ['/no/such/command'], logFile: join(folder, 'd.log') }), {
    code: 'ENOENT',
  });
});
