import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { ImageRejected } from './inspect.ts';

/** What was copied: where from, how long, which bytes. */
export interface Fetched {
  bytes: number;
  sha256: string;
}

export interface FetchOptions {
  /** More than this is refused while it comes in. */
  maxBytes: number;
  /** No byte for this long ends a download. */
  idleTimeoutMs: number;
}

/** Whether a source names a web address rather than a file. */
export function isUrl(source: string): boolean {
  return /^https?:\/\//i.test(source);
}

/** Copies a file or a web resource to `target`, hashing on the way. */
export async function fetchTo(source: string, target: string, options: FetchOptions): Promise<Fetched> {
  const hash = createHash('sha256');
  let bytes = 0;
  const idle = new AbortController();
  const stop = (): void =>
    idle.abort(new ImageRejected(`${source}: nothing came for ${options.idleTimeoutMs / 1000} s`));
  let timer = setTimeout(stop, options.idleTimeoutMs);
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      clearTimeout(timer);
      timer = setTimeout(stop, options.idleTimeoutMs);
      bytes += chunk.length;
      hash.update(chunk);
      if (bytes > options.maxBytes) done(new ImageRejected(`${source} is longer than ${options.maxBytes} bytes`));
      else done(null, chunk);
    },
  });
  try {
    const input = isUrl(source) ? await openUrl(source, idle.signal) : await openFile(source);
    await pipeline(input, count, createWriteStream(target, { mode: 0o600 }), { signal: idle.signal });
  } catch (error) {
    // An aborted pipeline reports only "aborted"; the reason is the controller's.
    if (idle.signal.aborted && idle.signal.reason instanceof Error) throw idle.signal.reason;
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function openFile(file: string): Promise<Readable> {
  const info = await stat(file).catch(() => null);
  if (info === null) throw new ImageRejected(`${file} is not there`);
  if (!info.isFile()) throw new ImageRejected(`${file} is not a file`);
  return createReadStream(file, { highWaterMark: 1024 * 1024 });
}

async function openUrl(url: string, signal: AbortSignal): Promise<Readable> {
  const response = await fetch(url, { signal, redirect: 'follow' }).catch((cause: unknown) => {
    if (signal.aborted) throw cause;
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause);
    throw new ImageRejected(`${url} cannot be fetched: ${reason}`, { cause });
  });
  if (!response.ok || response.body === null) throw new ImageRejected(`${url} answered ${response.status}`);
  return Readable.from(response.body);
}
