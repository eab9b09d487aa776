import { randomBytes } from 'node:crypto';
import {
  chownSync,
  closeSync,
  fchmodSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** How {@link writeFileAtomic} leaves the file; `owner` needs root. */
export interface AtomicWriteOptions {
  /** Permission bits; 0o644 by default. */
  readonly mode?: number;
  readonly owner?: { readonly uid: number; readonly gid: number };
}

/**
 * Replaces a file so that a reader, a crash or a full disk sees either the old content or the whole new one.
 * @throws the system's error (`ENOSPC`, `EACCES`…); the old file is then untouched.
 */
export function writeFileAtomic(path: string, content: string | Uint8Array, options: AtomicWriteOptions = {}): void {
  const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`;
  const mode = options.mode ?? 0o644;
  const bytes = typeof content === 'string' ? Buffer.from(content) : content;
  try {
    const fd = openSync(draft, 'wx', mode);
    try {
      // The umask may have taken bits away.
      fchmodSync(fd, mode);
      for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    if (options.owner) chownSync(draft, options.owner.uid, options.owner.gid);
    renameSync(draft, path);
  } catch (cause) {
    rmSync(draft, { force: true });
    throw cause;
  }
  syncFolder(dirname(path));
}

/** Writes a value as indented JSON through {@link writeFileAtomic}. */
export function writeJsonAtomic(path: string, value: unknown, options: AtomicWriteOptions = {}): void {
  writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`, options);
}

/** The text of a file, or `null` when there is none. */
export function readIfPresent(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

function syncFolder(path: string): void {
  // The rename itself is only durable once its folder is (fsync(2)).
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
