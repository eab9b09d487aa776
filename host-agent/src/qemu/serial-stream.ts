import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { open } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';

const CHUNK = 64 * 1024;
/** inotify tells of writes; this is for file systems where it does not. */
const RECHECK_MS = 1000;

/** Which bytes of a growing file to stream. */
export interface SerialStreamOptions {
  readonly from: number;
  /** Where to end; Infinity = wait for more. */
  readonly to: number;
  /** First byte that is still kept, at any time: what was freed meanwhile is left out. */
  readonly start: () => number;
  /** Ends the stream as if it had no more. */
  readonly signal: AbortSignal;
}

/** The bytes of a log that another process appends to; lets go at once when it is destroyed. */
export class SerialStream extends Readable {
  readonly #path: string;
  readonly #options: SerialStreamOptions;
  #at: number;
  #file: FileHandle | undefined;
  #watcher: FSWatcher | undefined;
  #written = false;
  #wake = (): void => undefined;

  constructor(path: string, options: SerialStreamOptions) {
    super();
    this.#path = path;
    this.#options = options;
    this.#at = options.from;
    if (options.to === Infinity) {
      this.#watcher = watch(path, () => this.#news());
      options.signal.addEventListener('abort', this.#news, { once: true });
    }
  }

  override _read(): void {
    this.#next().then(
      (chunk) => this.push(chunk),
      (error: unknown) => this.destroy(error instanceof Error ? error : new Error(String(error))),
    );
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#watcher?.close();
    this.#options.signal.removeEventListener('abort', this.#news);
    this.#news();
    const closing = this.#file?.close() ?? Promise.resolve();
    closing.then(
      () => done(error),
      () => done(error),
    );
  }

  async #next(): Promise<Buffer | null> {
    this.#file ??= await open(this.#path, 'r');
    const { to, start, signal } = this.#options;
    while (this.#at < to && !signal.aborted && !this.destroyed) {
      this.#written = false;
      this.#at = Math.max(this.#at, start());
      const { bytesRead, buffer } = await this.#file.read(
        Buffer.allocUnsafe(CHUNK),
        0,
        Math.min(CHUNK, to - this.#at),
        this.#at,
      );
      this.#at += bytesRead;
      if (bytesRead > 0) return buffer.subarray(0, bytesRead);
      if (to !== Infinity) return null;
      if (!this.#written) await this.#waitForNews();
    }
    return null;
  }

  readonly #news = (): void => {
    this.#written = true;
    this.#wake();
  };

  #waitForNews(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, RECHECK_MS);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
