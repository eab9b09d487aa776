import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';

/** Where the passphrases of encrypted pools come from: files now, a key manager later. */
export interface PoolKeys {
  /** The pool's passphrase, printable; made when there is none yet. Callers wipe the buffer after use. */
  passphrase(poolId: string): Promise<Buffer>;
  /** Forgets the passphrase for good: what the pool held cannot be read any more. */
  destroy(poolId: string): Promise<void>;
}

/** One file per pool, `<folder>/<poolId>.key`, mode 0600: 256 random bits in base64. */
export class FilePoolKeys implements PoolKeys {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async passphrase(poolId: string): Promise<Buffer> {
    const path = this.#path(poolId);
    try {
      return await readFile(path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    await mkdir(this.#folder, { recursive: true, mode: 0o700 });
    const draft = `${path}.${randomBytes(4).toString('hex')}.tmp`;
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(randomBytes(32).toString('base64'));
      await handle.sync();
    } finally {
      await handle.close();
    }
    try {
      // Unlike a rename, a link never replaces a key that somebody else made meanwhile.
      await link(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    } finally {
      await rm(draft, { force: true });
    }
    return await readFile(path);
  }

  async destroy(poolId: string): Promise<void> {
    await rm(this.#path(poolId), { force: true });
  }

  #path(poolId: string): string {
    return join(this.#folder, `${poolId}.key`);
  }
}
