import { randomUUID } from 'node:crypto';
import type { Event, EventList } from '#contract/generated/agent-host.ts';
import type { EventRequest } from './driver.ts';

/** How many events an agent keeps (host contract, `listEvents`). */
export const EVENTS_KEPT = 10_000;

/** The agent's memory of what happened to its machines: a ring with ids from 1, and callers that wait for news. */
export class EventLog {
  /** Changes whenever the memory starts anew. */
  readonly epoch = randomUUID();
  readonly #ring: Event[] = [];
  readonly #waiting = new Set<() => void>();
  #last = 0;
  #closed = false;

  /** Appends an event and wakes everyone who waits. */
  add(event: Omit<Event, 'id'>): void {
    this.#last += 1;
    this.#ring[(this.#last - 1) % EVENTS_KEPT] = { ...event, id: this.#last };
    this.#wake();
  }

  /** Events above `after`, oldest first; waits while there are none. Ends early, empty, on the signal or `close`. */
  async read({ after, waitMs, signal }: EventRequest): Promise<EventList> {
    const deadline = performance.now() + waitMs;
    while (this.#last <= after && !signal.aborted && !this.#closed) {
      const left = deadline - performance.now();
      if (left <= 0) break;
      await this.#news(left, signal);
    }
    const events: Event[] = [];
    for (let id = Math.max(after, this.#last - EVENTS_KEPT, 0) + 1; id <= this.#last; id += 1) {
      const event = this.#ring[(id - 1) % EVENTS_KEPT];
      if (event !== undefined) events.push(event);
    }
    return { epoch: this.epoch, events, last: this.#last };
  }

  /** Lets everyone who waits go. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  #wake(): void {
    for (const wake of [...this.#waiting]) wake();
  }

  #news(timeoutMs: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, timeoutMs);
      signal.addEventListener('abort', wake, { once: true });
      this.#waiting.add(wake);
    });
  }
}
