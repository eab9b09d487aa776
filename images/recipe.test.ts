import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { InvalidRecipe, loadRecipe, loadRecipes, parseRecipe } from './recipe.ts';

const minimal = `
slug: small
name: Small
kind: official
layout: rootfs
os: {family: linux, name: Small, version: '1'}
minDiskGib: 1
diskMib: 64
memoryMib: 128
debian: {suite: bookworm, variant: minbase, include: [busybox]}
files: []
boot: {kernelCommandLine: quiet}
checks: []
`;

test('IMG-01: the recipes of the official images parse and offer the disks of the catalogue', async () => {
  const recipes = await loadRecipes();
  assert.deepEqual([...recipes.keys()].toSorted(), ['debian-12', 'micro']);
  assert.equal(recipes.get('debian-12')?.name, 'Debian 12');
  assert.equal(recipes.get('debian-12')?.minDiskGib, 20);
  assert.equal(recipes.get('micro')?.name, 'Micro (test)');
  assert.equal(recipes.get('micro')?.minDiskGib, 1);
});

test('TOL-01: every official recipe installs the guest agent', async () => {
  for (const recipe of (await loadRecipes()).values())
    assert.ok(recipe.debian.include.includes('qemu-guest-agent'), recipe.slug);
});

test('a recipe that breaks the schema names every fault', () => {
  const broken = minimal.replace('minDiskGib: 1', 'minDiskGib: 0').replace('kind: official', 'kind: blessed');
  assert.throws(
    () => parseRecipe(broken, 'small.yaml'),
    (error) => error instanceof InvalidRecipe && /small\.yaml.*\/kind.*\/minDiskGib/s.test(error.message),
  );
});

test('unknown fields, wrong YAML, paths with dots and a missing initramfs are refused', () => {
  const faults = [
    `${minimal}colour: red\n`,
    `${minimal}: [`,
    minimal.replace('files: []', "files: [{path: /etc/../../root, mode: '0644', content: x}]"),
    minimal.replace('files: []', "files: [{path: etc/motd, mode: '0644', content: x}]"),
    minimal.replace('files: []', "files: [{path: /etc/motd, mode: '0644', content: x, source: y}]"),
    minimal.replace('layout: rootfs', 'layout: initramfs'),
  ];
  for (const fault of faults) assert.throws(() => parseRecipe(fault, 'small.yaml'), InvalidRecipe);
});

test('the hash of a recipe changes with the files it takes in', async (t) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'bastide-recipe-'));
  t.after(() => rm(folder, { recursive: true }));
  const file = path.join(folder, 'small.yaml');
  await writeFile(file, minimal.replace('files: []', "files: [{path: /init, mode: '0755', source: init}]"));
  await assert.rejects(loadRecipe(file), InvalidRecipe);
  await writeFile(path.join(folder, 'init'), 'one');
  const first = await loadRecipe(file);
  await writeFile(path.join(folder, 'init'), 'two');
  assert.notEqual((await loadRecipe(file)).hash, first.hash);
});
