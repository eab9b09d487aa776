import { stat } from 'node:fs/promises';
import { readIfPresent, writeFileAtomic } from '#libs/process/atomic-file.ts';
import { run } from '#libs/process/run.ts';
import type { SerialRequest, SerialSlice } from '../driver.ts';
import { SerialStream } from './serial-stream.ts';

/** Serial output that is kept at least; twice as much at most. */
export const SERIAL_KEPT_BYTES = 1024 * 1024;

const PAGE = 4096;

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
    const any = AbortSignal.any([signal, this.#gone.signal]);
    const to = follow ? Infinity : size;
    const body = new SerialStream(this.#path, { from, to, start: () => this.#start, signal: any });
    return { start: this.#start, end: size, body };
  }

  /** Frees the space of what is older than the ring keeps. */
  async trim(): Promise<void> {
    const { size } = await stat(this.#path);
    if (size - this.#start <= 2 * SERIAL_KEPT_BYTES) return;
    const start = Math.floor((size - SERIAL_KEPT_BYTES) / PAGE) * PAGE;
    // First the number: a reader must never take a hole for what the guest printed.
    writeFileAtomic(this.#startFile, String(start), { mode: 0o600 });
    this.#start = start;
    await run(['fallocate', '--punch-hole', '--offset', '0', '--length', String(start), this.#path], {
      timeoutMs: 10_000,
    });
  }

  /** Ends every follower: the machine is deleted. */
  end(): void {
    this.#gone.abort();
  }
}
