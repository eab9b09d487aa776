import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { Journal } from './journal.ts';
import type { JournalEntry } from './journal.ts';

function folder(t: TestContext): string {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'bst-journal-'));
  t.after(() => fs.rmSync(made, { recursive: true }));
  return made;
}

function recall(dir: string): { journal: Journal; facts: Map<string, JournalEntry> } {
  const journal = new Journal(dir);
  const facts = new Map<string, JournalEntry>();
  journal.replay((entry) => {
    const key = `${entry.scope} ${entry.kind} ${entry.id}`;
    if (entry.value === null) facts.delete(key);
    else facts.set(key, entry);
  });
  return { journal, facts };
}

test('what was put is there again without a close, what was removed is not', (t) => {
  const dir = folder(t);
  const { journal } = recall(dir);
  journal.open(() => []);
  const scope = journal.scope('hosts/a');
  scope.put('machine', '1', { power: 'on' });
  scope.put('machine', '2', { power: 'on', name: 'é\n' });
  scope.put('machine', '1', { power: 'off' });
  scope.remove('machine', '2');
  scope.put('machine', '3', { name: 'é\n' });
  const { facts } = recall(dir);
  assert.deepEqual(
    [...facts.values()].map((fact) => [fact.id, fact.value]),
    [
      ['1', { power: 'off' }],
      ['3', { name: 'é\n' }],
    ],
  );
  journal.close();
});

test('a torn last line is passed over and does not spoil what follows', (t) => {
  const dir = folder(t);
  const { journal } = recall(dir);
  journal.open(() => []);
  journal.scope('a').put('machine', '1', {});
  journal.close();
  fs.appendFileSync(path.join(dir, 'journal.ndjson'), '{"scope":"a","kind":"mach');
  const again = recall(dir);
  assert.equal(again.facts.size, 1);
  again.journal.open(() => again.facts.values());
  again.journal.scope('a').put('machine', '2', {});
  again.journal.close();
  assert.equal(recall(dir).facts.size, 2);
});

test('opening leaves one line per fact, and lines that cross a read chunk are whole', (t) => {
  const dir = folder(t);
  const { journal } = recall(dir);
  journal.open(() => []);
  const long = 'x'.repeat(700_000);
  for (let round = 0; round < 3; round += 1)
    for (const id of ['1', '2']) journal.scope('a').put('k', id, { round, long });
  journal.close();
  const { journal: next, facts } = recall(dir);
  assert.deepEqual(
    [...facts.values()].map((fact) => (fact.value as { round: number }).round),
    [2, 2],
  );
  next.open(() => facts.values());
  next.close();
  assert.equal(fs.readFileSync(path.join(dir, 'journal.ndjson'), 'utf8').trimEnd().split('\n').length, 2);
});
