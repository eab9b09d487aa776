/** Runs the work of one key one after the other, in the order it came; different keys do not wait for each other. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>();

  /** What `work` returns or throws; it starts when all earlier work of `key` has ended. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    // The next in line only wants to know that this ended; the caller gets the error.
    const tail = mine.catch(() => undefined);
    this.#tails.set(key, tail);
    try {
      return await mine;
    } finally {
      if (this.#tails.get(key) === tail) this.#tails.delete(key);
    }
  }

  /** Holds several keys at once; taken in one order by everybody, so that two callers never wait for each other. */
  async runAll<T>(keys: readonly string[], work: () => Promise<T>): Promise<T> {
    const [first, ...rest] = [...new Set(keys)].toSorted();
    if (first === undefined) return await work();
    return await this.run(first, () => this.runAll(rest, work));
  }
}
