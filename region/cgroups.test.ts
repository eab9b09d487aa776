import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { regionTag } from './fabric.ts';
import { cgroupRoot, removeCgroups } from './cgroups.ts';

test('the groups of a region go from every hierarchy, those of guests with them, twice is no error', (t) => {
  if (process.getuid?.() !== 0) return t.skip('needs root');
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  const hierarchies = mounts.flatMap((mount) => {
    const [, folder = '', type] = mount.split(' ');
    return type === 'cgroup' || type === 'cgroup2' ? [folder] : [];
  });
  if (hierarchies.length === 0) return t.skip('needs cgroups');
  const root = cgroupRoot(regionTag(`cgroups-test-${process.pid}`));
  const folders = hierarchies.map((folder) => join(folder, root));
  for (const folder of folders) mkdirSync(join(folder, 'guest'), { recursive: true });
  removeCgroups(root);
  assert.deepEqual(
    folders.filter((folder) => existsSync(folder)),
    [],
  );
  removeCgroups(root);
});
