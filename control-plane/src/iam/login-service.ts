/** The exchange of a token's id and secret for a JWT, on both planes (notes §2, AMB-27). */
import { ApiError } from '#libs/contract-runtime/errors.ts';
import type { Database } from '../database/database.ts';
import { findCredential, findProviderCredential, noteTokenUse } from './access-store.ts';
import { type JwtKeys, signToken } from './jwt.ts';
import { isId } from './rules.ts';
import { secretMatches } from './secrets.ts';

/**
 * IAM-11 says five minutes; the public contract's client renews only in the last five minutes of a token's life and would
 * then log in for every call (notes §2), so thirty. What a token may do is looked up anew every few seconds anyway.
 */
const lifetimeSeconds = 30 * 60;

interface LoginParts {
  readonly database: Database;
  readonly keys: JwtKeys;
  readonly clock: { now(): Date };
}

interface Credential {
  readonly id: string;
  readonly secret: string;
}

/** @returns the compact JWT of the tenant plane. @throws ApiError `invalid_credentials`, `unavailable` */
export async function logIn(parts: LoginParts, credential: Credential): Promise<string> {
  const { database, keys, clock } = parts;
  const now = clock.now();
  const id = credential.id.toLowerCase();
  const row = isId(id) ? await database.asPlatform((session) => session.first(findCredential, id, now)) : null;
  const matches = await secretMatches(credential.secret, row?.secretHash ?? null);
  if (row === null || !matches) throw new ApiError('invalid_credentials');
  // Between reading and here lie fifty milliseconds of hashing, in which the token may have been revoked.
  const used = await database.asPlatform((session) => session.run(noteTokenUse, id, now));
  if (used === 0) throw new ApiError('invalid_credentials');
  const { userId, organisationId: companyId, tenantId } = row;
  const claims = { userId, companyId, scope: { id: tenantId }, tokenId: id };
  return (await signToken(keys, claims, { audience: 'tenant', subject: userId, now, lifetimeSeconds })).token;
}

/** The same for an operator of the provider. @throws ApiError `invalid_credentials`, `unavailable` */
export async function logInProvider(
  parts: LoginParts,
  credential: Credential,
): Promise<{ token: string; expiresAt: Date }> {
  const { database, keys, clock } = parts;
  const now = clock.now();
  const id = credential.id.toLowerCase();
  const row = isId(id) ? await database.asPlatform((session) => session.first(findProviderCredential, id, now)) : null;
  const matches = await secretMatches(credential.secret, row?.secretHash ?? null);
  if (row === null || !matches) throw new ApiError('invalid_credentials');
  return signToken(keys, { tokenId: id }, { audience: 'provider', subject: id, now, lifetimeSeconds });
}
