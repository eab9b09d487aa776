import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventLog, EVENTS_KEPT } from './event-log.ts';

const event = {
  at: new Date(0).toISOString(),
  type: 'started',
  machineId: '018f0000-0000-7000-8000-000000000001',
} as const;
const now = (after: number): { after: number; waitMs: number; signal: AbortSignal } => ({
  after,
  waitMs: 0,
  signal: AbortSignal.timeout(1000),
});

test('a reader behind the ring gets the oldest that are kept and sees the gap by their ids', async () => {
  const log = new EventLog();
  for (let index = 0; index < EVENTS_KEPT + 5; index += 1) log.add(event);
  const { events, last } = await log.read(now(0));
  assert.deepEqual([events.length, events[0]?.id, events.at(-1)?.id, last], [EVENTS_KEPT, 6, last, EVENTS_KEPT + 5]);
  assert.deepEqual(
    (await log.read(now(last - 1))).events.map(({ id }) => id),
    [last],
  );
  assert.deepEqual((await log.read(now(last))).events, []);
});

test(
  'a waiting reader is woken by an event, by its own end, and by the end of the log',
  { timeout: 10_000 },
  async () => {
    const log = new EventLog();
    const waiting = log.read({ after: 0, waitMs: 60_000, signal: AbortSignal.timeout(9000) });
    log.add(event);
    assert.equal((await waiting).events.length, 1);
    const given = new AbortController();
    const left = log.read({ after: 1, waitMs: 60_000, signal: given.signal });
    given.abort();
    assert.deepEqual((await left).events, []);
    const closing = log.read({ after: 1, waitMs: 60_000, signal: AbortSignal.timeout(9000) });
    log.close();
    assert.deepEqual((await closing).events, []);
  },
);
