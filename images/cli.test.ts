import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { explain } from './explain.ts';

const cli = path.join(import.meta.dirname, 'cli.ts');

function image(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', timeout: 60_000 });
}

test('wrong usage ends with status 2, a refusal with status 1, each with one line that says why', async (t) => {
  const state = await mkdtemp(path.join(tmpdir(), 'bastide-cli-'));
  t.after(() => rm(state, { recursive: true }));
  const page = path.join(state, 'page.html');
  await writeFile(page, '<html></html>');
  const cases: [string[], number, RegExp][] = [
    [['frobnicate'], 2, /unknown command frobnicate/],
    [['build', 'windows-95'], 2, /no recipe windows-95; there are debian-12, micro/],
    [['import', page], 2, /--name/],
    [['import', page, '--name', 'X'], 1, /neither qcow2 nor VMDK/],
    [['import', 'http://127.0.0.1:1/x', '--name', 'X'], 1, /--sha256/],
    [['publish', 'nothing'], 1, /no image nothing/],
  ];
  for (const [args, status, reason] of cases) {
    const answer = image(...args, '--state', state);
    assert.equal(answer.status, status, `${args.join(' ')}: ${answer.stderr}`);
    assert.match(answer.stderr, reason);
    assert.equal(answer.stdout, '');
  }
  const listed = image('list', '--json', '--state', state);
  assert.deepEqual([listed.status, JSON.parse(listed.stdout)], [0, []]);
});

test('a full disk is told as such, whoever ran into it', () => {
  assert.match(
    explain(Object.assign(new Error('write failed'), { code: 'ENOSPC' })),
    /disk of the state folder is full/,
  );
  assert.match(
    explain(new Error('qemu-img: error while writing: No space left on device')),
    /disk of the state folder is full/,
  );
  assert.match(
    explain(Object.assign(new Error('spawn'), { code: 'ENOENT', syscall: 'spawn mmdebstrap' })),
    /mmdebstrap is not installed/,
  );
});
