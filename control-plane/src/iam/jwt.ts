/** Our own JWTs: HS256 with a key that every replica of the region has (notes §2). */
import { type KeyObject, createHash, createSecretKey, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { SignJWT, errors, jwtVerify } from 'jose';

const algorithm = 'HS256';
const issuer = 'bastide';
/** How far the clocks of two replicas may be apart. */
const clockToleranceSeconds = 5;
/** A token of ours has about 500 characters. */
const tokenLengthMax = 2_048;

/** Which listener a token is for; one is never accepted on the other (SVC-05). */
export type Audience = 'tenant' | 'provider';

/** The region's signing keys: the first signs, all verify, so that a key can be replaced without a log-out. */
export interface JwtKeys {
  readonly signing: { readonly id: string; readonly key: KeyObject };
  readonly byId: ReadonlyMap<string, KeyObject>;
}

/**
 * Reads a key file: one key per line, 32 random bytes or more in base64.
 * @throws when there is no key in it or one is too short (RFC 7518 section 3.2)
 */
export async function loadJwtKeys(path: string): Promise<JwtKeys> {
  const lines = (await readFile(path, 'utf8')).split('\n').map((line) => line.trim());
  return jwtKeys(lines.filter((line) => line !== '').map((line) => Buffer.from(line, 'base64')));
}

/** Keys from their bytes; the first signs. @throws when there is none or one is shorter than 32 bytes */
export function jwtKeys(secrets: readonly Buffer[]): JwtKeys {
  const all = secrets.map((secret) => {
    if (secret.length < 32) throw new Error('a JWT key has at least 32 bytes (openssl rand -base64 32)');
    return { id: keyIdOf(secret), key: createSecretKey(secret) };
  });
  const [signing] = all;
  if (signing === undefined) throw new Error('the JWT key file holds no key');
  return { signing, byId: new Map(all.map(({ id, key }) => [id, key])) };
}

/** Names a key without giving anything of it away. */
function keyIdOf(secret: Buffer): string {
  return createHash('sha256').update('bastide jwt key id\n').update(secret).digest('hex').slice(0, 16);
}

/** Signs `claims` for one audience. Two calls never give the same text. */
export async function signToken(
  keys: JwtKeys,
  claims: Record<string, unknown>,
  options: {
    readonly audience: Audience;
    readonly subject: string;
    readonly now: Date;
    readonly lifetimeSeconds: number;
  },
): Promise<{ token: string; expiresAt: Date }> {
  const issuedAt = Math.floor(options.now.getTime() / 1000);
  const expiry = issuedAt + options.lifetimeSeconds;
  const token = await new SignJWT(claims)
    .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid: keys.signing.id })
    .setIssuer(issuer)
    .setAudience(options.audience)
    .setSubject(options.subject)
    .setJti(randomUUID())
    .setIssuedAt(issuedAt)
    .setExpirationTime(expiry)
    .sign(keys.signing.key);
  return { token, expiresAt: new Date(expiry * 1000) };
}

/** A token that was signed here and has not expired. */
export interface VerifiedToken {
  readonly claims: Readonly<Record<string, unknown>>;
  /** Milliseconds since the epoch; after it the token must not be accepted. */
  readonly validUntil: number;
}

/** The claims of a token of ours, or null for any other text: wrong key, algorithm, audience, issuer, expired, not yet valid. */
export async function verifyToken(
  keys: JwtKeys,
  token: string,
  options: { readonly audience: Audience; readonly now: Date },
): Promise<VerifiedToken | null> {
  if (token.length > tokenLengthMax) return null;
  const keyFor = (header: { kid?: string }): KeyObject => {
    const key = header.kid === undefined ? undefined : keys.byId.get(header.kid);
    if (key === undefined) throw new errors.JWSSignatureVerificationFailed();
    return key;
  };
  try {
    const { payload } = await jwtVerify(token, keyFor, {
      algorithms: [algorithm],
      issuer,
      audience: options.audience,
      currentDate: options.now,
      clockTolerance: clockToleranceSeconds,
      requiredClaims: ['exp', 'iat', 'jti', 'sub'],
    });
    // `exp` is required just above.
    const expiry = payload.exp ?? 0;
    return { claims: payload, validUntil: (expiry + clockToleranceSeconds) * 1000 };
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}
