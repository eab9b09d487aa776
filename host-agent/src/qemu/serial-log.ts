import { watch } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { readIfPresent, writeFileAtomic } from '#libs/process/atomic-file.ts';
import { run } from '#libs/process/run.ts';
import type { SerialRequest, SerialSlice } from '../driver.ts';

/** Serial output that is kept at least; twice as much at most. */
export const SERIAL_KEPT_BYTES = 1024 * 1024;

const PAGE = 4096;
const CHUNK = 64 * 1024;
/** inotify tells of writes; this is for file systems where it does not. */
const RECHECK_MS = 1000;

/**
 * What a guest printed, as an append-only file that QEMU writes by itself, so that it needs no agent. It is made a ring by punching
 * holes at its beginning: offsets then never change their meaning, over restarts of the agent and of the machine.
 */
export class SerialLog {
  readonly #path: string;
  readonly #startFile: string;
  readonly #gone = new AbortController();
  #start: number;

  constructor(path: string) {
    this.#path = path;
    this.#startFile = `${path}.start`;
    this.#start = Number(readIfPresent(this.#startFile) ?? 0);
  }

  async read({ offset, follow, signal }: SerialRequest): Promise<SerialSlice> {
    const { size } = await stat(this.#path);
    const wanted = offset < 0 ? size + offset : offset;
    const from = Math.min(Math.max(wanted, this.#start), size);
    const either = AbortSignal.any([signal, this.#gone.signal]);
    return { start: this.#start, end: size, body: Readable.from(this.#bytes({ from, to: follow ? Infinity : size, signal: either }), { objectMode: false }) };
  }

  /** Frees the space of what is older than the ring keeps. */
  async trim(): Promise<void> {
    const { size } = await stat(this.#path);
    if (size - this.#start <= 2 * SERIAL_KEPT_BYTES) return;
    const start = Math.floor((size - SERIAL_KEPT_BYTES) / PAGE) * PAGE;
    // First the number: a reader must never take a hole for what the guest printed.
    writeFileAtomic(this.#startFile, String(start), { mode: 0o600 });
    this.#start = start;
    await run(['fallocate', '--punch-hole', '--offset', '0', '--length', String(start), this.#path], { timeoutMs: 10_000 });
  }

  /** Ends every follower: the machine is deleted. */
  end(): void {
    this.#gone.abort();
  }

  async *#bytes({ from, to, signal }: { from: number; to: number; signal: AbortSignal }): AsyncGenerator<Buffer> {
    let wake = (): void => undefined;
    await using file = await open(this.#path, 'r');
    const watcher = to === Infinity ? watch(this.#path, () => wake()) : undefined;
    try {
      for (let at = from; at < to && !signal.aborted; ) {
        at = Math.max(at, this.#start);
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafe(CHUNK), 0, Math.min(CHUNK, to - at), at);
        if (bytesRead > 0) {
          at += bytesRead;
          yield buffer.subarray(0, bytesRead);
        } else if (to !== Infinity) {
          return;
        } else {
          await news((wakeUp) => (wake = wakeUp), signal);
        }
      }
    } finally {
      watcher?.close();
    }
  }
}

function news(onWake: (wake: () => void) => void, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', wake);
      resolve();
    };
    const timer = setTimeout(wake, RECHECK_MS);
    signal.addEventListener('abort', wake, { once: true });
    onWake(wake);
  });
}
