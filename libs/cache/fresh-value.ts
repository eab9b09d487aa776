/** How long a {@link FreshValue} may be used. */
export interface FreshValueOptions<T> {
  readonly load: () => Promise<T>;
  /** A value older than this is still given out, while a newer one is fetched behind the caller's back. */
  readonly refreshAfterMs: number;
  /** A value older than this is never given out: the caller waits for the load. */
  readonly maxAgeMs: number;
  /** Milliseconds that only ever grow; for tests. */
  readonly now?: () => number;
}

interface Loaded<T> {
  readonly value: T;
  readonly at: number;
}

/**
 * A value read from elsewhere and kept for a moment. The age counts from the start of the load, so `maxAgeMs` bounds how
 * stale an answer can be; concurrent callers share one load.
 */
export class FreshValue<T> {
  readonly #options: FreshValueOptions<T>;
  readonly #now: () => number;
  #loaded: Loaded<T> | undefined;
  #loading: Promise<Loaded<T>> | undefined;
  #generation = 0;

  constructor(options: FreshValueOptions<T>) {
    this.#options = options;
    this.#now = options.now ?? ((): number => performance.now());
  }

  /** @throws what `load` throws, when there is no value young enough */
  async get(): Promise<T> {
    const young = this.#usable();
    return young === undefined ? (await this.#load()).value : young.value;
  }

  /** The value if it may still be used; starts a refresh when it is getting old. */
  #usable(): Loaded<T> | undefined {
    const loaded = this.#loaded;
    if (loaded === undefined) return undefined;
    const age = this.#now() - loaded.at;
    if (age > this.#options.maxAgeMs) return undefined;
    // A failed refresh in the background shows at the latest when the value has grown too old.
    if (age > this.#options.refreshAfterMs) this.#load().catch(() => undefined);
    return loaded;
  }

  /** Forgets the value; a load already under way does not bring it back. */
  clear(): void {
    this.#generation += 1;
    this.#loaded = undefined;
    this.#loading = undefined;
  }

  #load(): Promise<Loaded<T>> {
    this.#loading ??= this.#fetch(this.#generation);
    return this.#loading;
  }

  async #fetch(generation: number): Promise<Loaded<T>> {
    const at = this.#now();
    try {
      const loaded = { value: await this.#options.load(), at };
      if (generation === this.#generation) this.#loaded = loaded;
      return loaded;
    } finally {
      if (generation === this.#generation) this.#loading = undefined;
    }
  }
}
