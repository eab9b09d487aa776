/** Tells a person what is going on: one line per step, with the time it took, on standard error. */
export class Progress {
  readonly #begun = performance.now();

  /** A line of its own. */
  say(text: string): void {
    process.stderr.write(`${text}\n`);
  }

  /** Runs a step and tells its name and duration; what it answers as a note is put behind. */
  async step<T>(name: string, work: () => Promise<T> | T, note?: (result: T) => string | null): Promise<T> {
    const since = performance.now();
    try {
      const result = await work();
      const detail = note?.(result);
      this.say(`  ${name.padEnd(34)} ${seconds(performance.now() - since)}${detail ? `  ${detail}` : ''}`);
      return result;
    } catch (error) {
      this.say(`  ${name.padEnd(34)} failed after ${seconds(performance.now() - since).trim()}`);
      throw error;
    }
  }

  /** Seconds since this was made. */
  get elapsed(): string {
    return seconds(performance.now() - this.#begun).trim();
  }
}

/** A duration for people, e.g. ` 1.4 s`. */
export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1).padStart(5)} s`;
}
