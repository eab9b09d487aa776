/** Secrets of tokens: made here, kept as scrypt hashes only (IAM-10). */
import { type ScryptOptions, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { Turns } from '#libs/concurrency/turns.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';

/** RFC 7914 parameters: 16 MiB and about 50 ms per guess. A secret of ours has 256 bits, so more would only cost us. */
const cost: ScryptOptions = { N: 2 ** 14, r: 8, p: 1 };
const hashLength = 32;
const saltLength = 16;
/** Longer ones cannot be ours, and hashing them would be work for free. */
const secretLengthMax = 256;
/** Two cores' worth of the thread pool; the rest of it stays for files and name look-ups. */
const atOnceMax = 2;
/** About two seconds of waiting; beyond that the caller is told to come back. */
const waitingMax = 64;

/** A new secret: 256 random bits as base64url. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** The text to store for a secret: `scrypt$<salt>$<hash>`, both base64url. */
export async function hashSecret(secret: string): Promise<string> {
  const salt = randomBytes(saltLength);
  const hash = await derive(secret, salt);
  return `scrypt$${salt.toString('base64url')}$${hash.toString('base64url')}`;
}

/** Compared against when there is nothing to compare with, so that an unknown id costs what a wrong secret costs. */
const decoy = { salt: randomBytes(saltLength), hash: randomBytes(hashLength) };

/**
 * Whether `secret` is the one that was hashed; `null` stands for "no such token" and takes as long.
 * @throws ApiError `unavailable` when too many are being compared already
 */
export async function secretMatches(secret: string, stored: string | null): Promise<boolean> {
  const parsed = stored === null ? null : parse(stored);
  const { salt, hash } = parsed ?? decoy;
  const derived = await derive(secret.slice(0, secretLengthMax), salt);
  return timingSafeEqual(derived, hash) && parsed !== null && secret.length <= secretLengthMax;
}

function parse(stored: string): { salt: Buffer; hash: Buffer } {
  const [scheme, salt, hash] = stored.split('$');
  if (scheme !== 'scrypt' || salt === undefined || hash === undefined)
    throw new Error('a stored secret is not a scrypt hash');
  return { salt: Buffer.from(salt, 'base64url'), hash: Buffer.from(hash, 'base64url') };
}

const turns = new Turns(atOnceMax);

async function derive(secret: string, salt: Buffer): Promise<Buffer> {
  if (turns.waiting >= waitingMax) throw new ApiError('unavailable', { what: 'The authentication service' });
  return turns.take(
    () =>
      new Promise<Buffer>((resolve, reject) => {
        scrypt(secret, salt, hashLength, cost, (error, hash) => (error === null ? resolve(hash) : reject(error)));
      }),
  );
}
