import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { dropAbsentOptionals, lockFileFaults } from './lock-file.ts';
import type { LockFile } from './lock-file.ts';

const ours = JSON.parse(readFileSync(new URL('../package-lock.json', import.meta.url), 'utf8')) as LockFile;

test('package-lock.json is complete: npm ci takes it (else: node tools/trim-lock.ts)', () => {
  assert.deepEqual(dropAbsentOptionals(structuredClone(ours)), []);
});

test('package-lock.json has a hash for every package and names no registry', () => {
  assert.deepEqual(lockFileFaults(ours), []);
});

test('an optional dependency that the lock file does not hold is dropped, one that it holds stays', () => {
  const lock: LockFile = {
    packages: {
      '': { optionalDependencies: { tool: '1.0.0' } },
      'node_modules/tool': {
        integrity: 'sha512-a',
        optionalDependencies: { 'tool-linux': '1.0.0', 'tool-other': '1.0.0' },
      },
      'node_modules/tool-linux': { resolved: 'https://registry.example/tool-linux.tgz' },
    },
  };
  assert.deepEqual(dropAbsentOptionals(lock), ['node_modules/tool: tool-other']);
  assert.deepEqual(lock.packages['node_modules/tool']?.optionalDependencies, { 'tool-linux': '1.0.0' });
  assert.deepEqual(lockFileFaults(lock), [
    'node_modules/tool-linux has no integrity hash',
    'node_modules/tool-linux names a registry: https://registry.example/tool-linux.tgz',
  ]);
});
