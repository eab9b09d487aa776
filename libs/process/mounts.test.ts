import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { mountsBelow, parseMountPoints } from './mounts.ts';

test('mount points are read with their escapes', () => {
  const mountinfo = [
    '22 1 254:0 / / rw,relatime - ext4 /dev/root rw',
    String.raw`31 22 0:27 / /srv/a\040b rw shared:3 - tmpfs tmpfs rw`,
    '',
  ].join('\n');
  assert.deepEqual(parseMountPoints(mountinfo), ['/', '/srv/a b']);
});

test('a folder without mounts has none below it; its parent’s are not its own', (t) => {
  const folder = mkdtempSync(path.join(tmpdir(), 'mnt-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(path.join(folder, 'inner'));
  assert.deepEqual(mountsBelow(folder), []);
});

test('what is mounted below a folder is found', { skip: process.platform !== 'linux' }, () => {
  assert.ok(mountsBelow('/').includes('/proc'));
});
