import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TimeSource } from './timer-queue.ts';
import { systemTime, TimerQueue } from './timer-queue.ts';

/** A clock that is moved by hand. */
class ManualTime implements TimeSource {
  #now = 0;
  #wakes: { at: number; callback: () => void }[] = [];
  get armed(): number {
    return this.#wakes.length;
  }
  now(): number {
    return this.#now;
  }
  wakeAt(at: number, callback: () => void): () => void {
    const wake = { at, callback };
    this.#wakes.push(wake);
    return () => {
      this.#wakes = this.#wakes.filter((each) => each !== wake);
    };
  }
  moveTo(at: number): void {
    for (;;) {
      const next = this.#wakes.toSorted((a, b) => a.at - b.at)[0];
      if (next === undefined || next.at > at) break;
      this.#now = Math.max(this.#now, next.at);
      this.#wakes = this.#wakes.filter((each) => each !== next);
      next.callback();
    }
    this.#now = at;
  }
}

test('planned actions run in order of time, then of planning, behind one timer', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 60 }), (times) => {
      const time = new ManualTime();
      const queue = new TimerQueue(time);
      const ran: [number, number][] = [];
      times.forEach((at, index) => queue.plan(at, () => ran.push([at, index])));
      assert.ok(time.armed <= 1);
      time.moveTo(100);
      const expected = times
        .map((at, index): [number, number] => [at, index])
        .toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
      assert.deepEqual(ran, expected);
      assert.equal(queue.size, 0);
    }),
  );
});

test('an action that was taken back does not run, one planned by another does', () => {
  const time = new ManualTime();
  const queue = new TimerQueue(time);
  const ran: string[] = [];
  const cancel = queue.plan(10, () => ran.push('taken back'));
  queue.plan(20, () => {
    ran.push('first');
    queue.plan(25, () => ran.push('second'));
  });
  cancel();
  time.moveTo(24);
  assert.deepEqual(ran, ['first']);
  time.moveTo(25);
  assert.deepEqual(ran, ['first', 'second']);
});

test('nothing runs after clear', () => {
  const time = new ManualTime();
  const queue = new TimerQueue(time);
  queue.plan(10, () => assert.fail('it ran'));
  queue.clear();
  time.moveTo(20);
  assert.equal(time.armed, 0);
});

test('the system time runs what is due', async () => {
  const queue = new TimerQueue(systemTime);
  // The queue's timer does not keep the process alive; this one does until the deadline.
  const deadline = setTimeout(() => undefined, 5000);
  await new Promise<void>((resolve) => {
    queue.plan(Date.now() + 5, resolve);
  });
  clearTimeout(deadline);
});
