/** From an `Authorization` header to who calls and what they may do (IAM-02, IAM-10, SVC-05). */
import { hash } from 'node:crypto';
import { FreshValue } from '#libs/cache/fresh-value.ts';
import { LruMap } from '#libs/cache/lru-map.ts';
import type { Principal } from '#libs/contract-runtime/call.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import type { Database } from '../database/database.ts';
import { findAccess, findProviderAccess } from './access-store.ts';
import { type Audience, type JwtKeys, type VerifiedToken, verifyToken } from './jwt.ts';

/** A right that was taken away, or a token that was deleted, stops working within this time on every replica. */
const accessAgeMaxMs = 4_000;
const accessRefreshAfterMs = 2_000;
/** Some 5 kB each: at worst 25 MB of a replica. */
const rememberedMax = 5_000;

export interface AuthenticatorParts {
  readonly database: Database;
  readonly keys: JwtKeys;
  readonly clock: { now(): Date };
}

/** Says who calls. @throws ApiError `unauthenticated` */
export interface Authenticator {
  (authorizationHeader: string | undefined, sourceIp: string): Promise<Principal>;
  /** Makes this replica look a token's rights up anew: it was just deleted here. */
  forget(tokenId: string): void;
}

/** Everything about a token but the caller's text; null when it no longer gives access. */
type LoadAccess = (tokenId: string, now: Date) => Promise<Principal | null>;

/** The authenticator of the tenant listener. */
export function createAuthenticator(parts: AuthenticatorParts): Authenticator {
  return authenticatorFor('tenant', parts, async (tokenId, now) => {
    const row = await parts.database.asPlatform((session) => session.first(findAccess, tokenId, now));
    if (row === null) return null;
    const { userId, tenantId, organisationId } = row;
    return { kind: 'user', userId, tenantId, organisationId, tokenId, permissions: new Set(row.permissions) };
  });
}

/** No tenant and no organisation stands behind an operator of the provider; the nil UUID matches no row (RFC 9562 §5.9). */
const nobody = '00000000-0000-0000-0000-000000000000';

/** The authenticator of the provider listener: other tokens, other table, other audience. */
export function createProviderAuthenticator(parts: AuthenticatorParts): Authenticator {
  return authenticatorFor('provider', parts, async (tokenId, now) => {
    const row = await parts.database.asPlatform((session) => session.first(findProviderAccess, tokenId, now));
    if (row === null) return null;
    const permissions = new Set(row.permissions);
    return { kind: 'provider', userId: tokenId, tenantId: nobody, organisationId: nobody, tokenId, permissions };
  });
}

function authenticatorFor(audience: Audience, parts: AuthenticatorParts, load: LoadAccess): Authenticator {
  const { keys, clock } = parts;
  // By hash and not by text, so that no usable token lies in the memory of the process for longer than its request.
  const verified = new LruMap<string, { tokenId: string; validUntil: number }>(rememberedMax);
  const accesses = new LruMap<string, FreshValue<Principal | null>>(rememberedMax);

  const tokenOf = async (token: string): Promise<string> => {
    const digest = hash('sha256', token, 'base64');
    const known = verified.get(digest);
    if (known !== undefined && clock.now().getTime() < known.validUntil) return known.tokenId;
    const found = await verifyToken(keys, token, { audience, now: clock.now() });
    const tokenId = found === null ? null : tokenIdOf(found);
    if (found === null || tokenId === null) throw new ApiError('unauthenticated');
    verified.set(digest, { tokenId, validUntil: found.validUntil });
    return tokenId;
  };

  const accessOf = (tokenId: string): FreshValue<Principal | null> => {
    const known = accesses.get(tokenId);
    if (known !== undefined) return known;
    const made = new FreshValue({
      load: () => load(tokenId, clock.now()),
      refreshAfterMs: accessRefreshAfterMs,
      maxAgeMs: accessAgeMaxMs,
    });
    accesses.set(tokenId, made);
    return made;
  };

  const authenticate = async (header: string | undefined): Promise<Principal> => {
    const token = bearer(header);
    if (token === null) throw new ApiError('unauthenticated');
    const principal = await accessOf(await tokenOf(token)).get();
    if (principal === null) throw new ApiError('unauthenticated');
    return principal;
  };
  return Object.assign(authenticate, { forget: (tokenId: string) => accesses.get(tokenId)?.clear() });
}

/** The credentials of a `Bearer` header (RFC 6750 section 2.1); the scheme's case does not matter (RFC 9110 section 11.1). */
function bearer(header: string | undefined): string | null {
  return header === undefined ? null : (/^bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(header)?.[1] ?? null);
}

function tokenIdOf({ claims }: VerifiedToken): string | null {
  const { tokenId } = claims;
  return typeof tokenId === 'string' ? tokenId : null;
}
