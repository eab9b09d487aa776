import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { run } from '#libs/process/run.ts';
import { destroy } from './destroy.ts';

const mountable = process.platform === 'linux' && process.getuid?.() === 0;

test(
  'destroy refuses while something is mounted inside the state folder',
  { skip: !mountable && 'needs root' },
  async (t) => {
    const stateDir = mkdtempSync(path.join(tmpdir(), 'dst-'));
    const inner = path.join(stateDir, 'arrays');
    mkdirSync(inner);
    writeFileSync(path.join(stateDir, 'state.json'), JSON.stringify({ format: 1 }));
    try {
      await run(['mount', '-t', 'tmpfs', 'bastide-test', inner]);
    } catch {
      rmSync(stateDir, { recursive: true });
      return t.skip('may not mount');
    }
    try {
      writeFileSync(path.join(inner, 'precious'), '');
      await assert.rejects(destroy({ stateDir, yes: true }), new RegExp(`${inner}: mounted inside`));
      assert.ok(existsSync(path.join(inner, 'precious')));
    } finally {
      await run(['umount', inner]);
      // Only what was made here, and only now that nothing is mounted any more.
      rmSync(stateDir, { recursive: true });
    }
  },
);

test('destroy refuses a folder that holds no region', async (t) => {
  const stateDir = mkdtempSync(path.join(tmpdir(), 'dst-'));
  t.after(() => rmSync(stateDir, { recursive: true }));
  await assert.rejects(destroy({ stateDir, yes: true }), /there is no region/);
});
