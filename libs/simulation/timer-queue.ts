/** Where a simulation reads the time (milliseconds since the epoch) and how it asks to be woken. */
export interface TimeSource {
  now(): number;
  /** Calls back once, not before `at`; returns what cancels it. */
  wakeAt(at: number, callback: () => void): () => void;
}

const longestTimeoutMs = 2_147_000_000;

/** The time of the machine it runs on. Its timers do not keep the process alive. */
export const systemTime: TimeSource = {
  now: () => Date.now(),
  wakeAt: (at, callback) => {
    const wait = Math.min(Math.max(at - Date.now(), 0), longestTimeoutMs);
    const timer = setTimeout(callback, wait);
    timer.unref();
    return () => {
      clearTimeout(timer);
    };
  },
};

interface Entry {
  at: number;
  order: number;
  run: (() => void) | null;
}

/** What takes a planned action back; harmless when it has already run. */
export type Cancel = () => void;

/**
 * Many planned actions behind one timer of the runtime: a binary heap ordered by time, so that 100,000 guests that boot
 * at once cost 100,000 small records and not as many timers.
 */
export class TimerQueue {
  readonly #time: TimeSource;
  readonly #heap: Entry[] = [];
  #order = 0;
  #stopWake: Cancel | null = null;
  #wakesAt = Infinity;

  constructor(time: TimeSource) {
    this.#time = time;
  }

  /** Actions still to run, those taken back but not yet swept included. */
  get size(): number {
    return this.#heap.length;
  }

  /** Runs `action` at `at` (milliseconds since the epoch); actions of one instant run in the order they were planned. */
  plan(at: number, action: () => void): Cancel {
    const entry: Entry = { at, order: (this.#order += 1), run: action };
    this.#heap.push(entry);
    this.#rise(this.#heap.length - 1);
    this.#arm();
    return () => {
      entry.run = null;
    };
  }

  /** Drops everything that is planned. */
  clear(): void {
    this.#heap.length = 0;
    this.#stopWake?.();
    this.#stopWake = null;
    this.#wakesAt = Infinity;
  }

  #arm(): void {
    const first = this.#heap[0];
    if (first === undefined || first.at >= this.#wakesAt) return;
    this.#stopWake?.();
    this.#wakesAt = first.at;
    this.#stopWake = this.#time.wakeAt(first.at, () => {
      this.#wakesAt = Infinity;
      this.#stopWake = null;
      this.#runDue();
    });
  }

  #runDue(): void {
    const now = this.#time.now();
    for (let first = this.#heap[0]; first !== undefined && first.at <= now; first = this.#heap[0]) {
      this.#removeFirst();
      first.run?.();
    }
    this.#arm();
  }

  #removeFirst(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink();
  }

  #rise(start: number): void {
    let index = start;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfEarlier(index, parent)) return;
      index = parent;
    }
  }

  #sink(): void {
    let index = 0;
    for (;;) {
      const left = 2 * index + 1;
      const child = this.#earlier(left + 1, left) ? left + 1 : left;
      if (!this.#swapIfEarlier(child, index)) return;
      index = child;
    }
  }

  #earlier(index: number, other: number): boolean {
    const a = this.#heap[index];
    const b = this.#heap[other];
    if (a === undefined) return false;
    if (b === undefined) return true;
    return a.at < b.at || (a.at === b.at && a.order < b.order);
  }

  #swapIfEarlier(lower: number, upper: number): boolean {
    const a = this.#heap[lower];
    const b = this.#heap[upper];
    if (a === undefined || b === undefined || !this.#earlier(lower, upper)) return false;
    this.#heap[lower] = b;
    this.#heap[upper] = a;
    return true;
  }
}
