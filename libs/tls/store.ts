import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { readIfPresent, writeFileAtomic } from '#libs/process/atomic-file.ts';
import { createCa, issueLeaf, isUsable } from './ca.ts';
import type { KeyPairPem, LeafRequest } from './ca.ts';

/** Paths as they go into the `tls` part of a process configuration. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Who may read the files of a leaf, and when it is renewed. */
export interface LeafStoreOptions {
  readonly owner?: { readonly uid: number; readonly gid: number };
  /** A leaf that ends within so many days is made anew; 30 by default. */
  readonly renewWithinDays?: number;
}

/**
 * A certificate authority in two folders: `ca.pem` and the leaves in one that others may read, `ca.key` in a private one.
 * Keys are 0600. What is there and still good is kept.
 */
export class CertificateStore {
  readonly #folder: string;
  readonly #ca: KeyPairPem;

  private constructor(folder: string, ca: KeyPairPem) {
    this.#folder = folder;
    this.#ca = ca;
  }

  /** Path of the authority's certificate. */
  get caFile(): string {
    return join(this.#folder, 'ca.pem');
  }

  /** Opens the authority, or makes it. A CA that ends within a year is made anew, and with it every leaf. */
  static async open(folder: string, secretFolder: string, commonName: string): Promise<CertificateStore> {
    mkdirSync(folder, { recursive: true, mode: 0o755 });
    mkdirSync(secretFolder, { recursive: true, mode: 0o700 });
    const cert = readIfPresent(join(folder, 'ca.pem'));
    const key = readIfPresent(join(secretFolder, 'ca.key'));
    if (cert !== null && key !== null && isUsable({ cert, key }, cert, { days: 365 })) {
      return new CertificateStore(folder, { cert, key });
    }
    const ca = await createCa(commonName);
    // The key first: a certificate without its key would be believed to be good.
    writeFileAtomic(join(secretFolder, 'ca.key'), ca.key, { mode: 0o600 });
    writeFileAtomic(join(folder, 'ca.pem'), ca.cert);
    return new CertificateStore(folder, ca);
  }

  /** Makes sure that `<name>.pem` and `<name>.key` are there and good. `renewed` tells whoever holds the old one to reload. */
  async ensureLeaf(
    request: LeafRequest,
    options: LeafStoreOptions = {},
  ): Promise<TlsFiles & { readonly renewed: boolean }> {
    const files = {
      ca: this.caFile,
      cert: join(this.#folder, `${request.commonName}.pem`),
      key: join(this.#folder, `${request.commonName}.key`),
    };
    const cert = readIfPresent(files.cert);
    const key = readIfPresent(files.key);
    const need = { days: options.renewWithinDays ?? 30, ...(request.names ? { names: request.names } : {}) };
    if (cert !== null && key !== null && isUsable({ cert, key }, this.#ca.cert, need))
      return { ...files, renewed: false };
    const leaf = await issueLeaf(this.#ca, request);
    const owner = options.owner ? { owner: options.owner } : {};
    writeFileAtomic(files.key, leaf.key, { mode: 0o600, ...owner });
    writeFileAtomic(files.cert, leaf.cert, owner);
    return { ...files, renewed: true };
  }
}
