import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { run } from '#libs/process/run.ts';
import { writeInitramfs } from './cpio.ts';

const cpio = spawnSync('busybox', ['cpio', '--help']).error === undefined;

test('cpio reads back what the initramfs writer wrote', { skip: cpio ? false : 'needs busybox' }, async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'bastide-cpio-'));
  t.after(() => rm(folder, { recursive: true }));
  await mkdir(path.join(folder, 'root/etc'), { recursive: true });
  await writeFile(path.join(folder, 'root/etc/odd'), 'five!');
  await writeFile(path.join(folder, 'root/init'), '#!/bin/sh\n');
  await chmod(path.join(folder, 'root/init'), 0o755);
  await symlink('etc/odd', path.join(folder, 'root/link'));
  const archive = path.join(folder, 'initramfs');
  await writeInitramfs(path.join(folder, 'root'), archive);
  const listing = await run(['busybox', 'cpio', '-t', '-v', '-F', archive]);
  assert.match(listing, /^-rwxr-xr-x .* init$/m);
  assert.match(listing, /^-rw-r--r-- .* 5 .* etc\/odd$/m);
  assert.match(listing, /link -> etc\/odd/);
  assert.match(listing, /^c.*dev\/console$/m);
  assert.equal(await run(['busybox', 'cpio', '-i', '--to-stdout', '-F', archive, 'etc/odd']), 'five!');
});
