import assert from 'node:assert/strict';
import { appendFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import fc from 'fast-check';
import { SERIAL_KEPT_BYTES, SerialLog } from './serial-log.ts';

function file(t: TestContext, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'bs-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'serial.log');
  writeFileSync(path, content);
  return path;
}

const read = async (log: SerialLog, offset: number): Promise<{ start: number; end: number; text: string }> => {
  const { start, end, body } = await log.read({ offset, follow: false, signal: AbortSignal.timeout(10_000) });
  return { start, end, text: await text(body) };
};

test('any offset gives exactly the bytes that are kept from there', async (t) => {
  const content = 'The guest printed this.';
  const log = new SerialLog(file(t, content));
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: -40, max: 40 }), async (offset) => {
      const from = Math.min(Math.max(offset < 0 ? content.length + offset : offset, 0), content.length);
      assert.deepEqual(await read(log, offset), { start: 0, end: content.length, text: content.slice(from) });
    }),
  );
});

test('the ring keeps the newest megabyte, frees the rest and never renumbers', async (t) => {
  const path = file(t, 'x'.repeat(3 * SERIAL_KEPT_BYTES));
  const log = new SerialLog(path);
  await log.trim();
  appendFileSync(path, 'end');
  const all = await read(log, 0);
  assert.equal(all.end, 3 * SERIAL_KEPT_BYTES + 3);
  assert.equal(all.start, 2 * SERIAL_KEPT_BYTES);
  assert.equal(all.text.length, SERIAL_KEPT_BYTES + 3);
  assert.ok(!all.text.includes('\0'));
  assert.ok(statSync(path).blocks * 512 <= 1.5 * SERIAL_KEPT_BYTES, 'the space is free');
  assert.equal((await read(new SerialLog(path), 0)).start, all.start, 'a new agent knows the beginning');
});

test('a follower gets what is printed later, and ends with the machine', { timeout: 20_000 }, async (t) => {
  const path = file(t, 'before ');
  const log = new SerialLog(path);
  const slice = await log.read({ offset: 0, follow: true, signal: AbortSignal.timeout(15_000) });
  const all = text(slice.body);
  appendFileSync(path, 'after');
  let seen = '';
  const probe = await log.read({ offset: 0, follow: true, signal: AbortSignal.timeout(15_000) });
  for await (const chunk of probe.body) {
    seen += String(chunk);
    if (seen === 'before after') break;
  }
  log.end();
  assert.ok('before after'.startsWith(await all));
});
