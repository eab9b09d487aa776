/** SQL behind a log-in and behind every authenticated call. Run as the platform: who asks is only known afterwards. */
import { statement } from '../database/statement.ts';

export interface CredentialRow {
  readonly id: string;
  readonly secretHash: string;
  readonly userId: string;
  readonly tenantId: string;
  readonly organisationId: string;
}

/** A token that has not expired at `$2`. */
export const findCredential = statement<[id: string, now: Date], CredentialRow>(
  'iam_credential',
  `select id, secret_hash as "secretHash", user_id as "userId", tenant_id as "tenantId", organisation_id as "organisationId"
   from access_tokens where id = $1 and expires_at > $2`,
);

/** Writes nothing, and so tells, when the token has gone since it was read. */
export const noteTokenUse = statement<[id: string, now: Date]>(
  'iam_credential_used',
  'update access_tokens set last_used_at = $2 where id = $1',
);

export interface AccessRow {
  readonly userId: string;
  readonly tenantId: string;
  readonly organisationId: string;
  readonly permissions: string[];
}

/** What a token may do now: what it was made with, of what its user still holds in the tenant (IAM-10). */
export const findAccess = statement<[tokenId: string, now: Date], AccessRow>(
  'iam_access',
  `select a.user_id as "userId", a.tenant_id as "tenantId", a.organisation_id as "organisationId",
     array(select r.name from role_grants g join roles r on r.id = g.role_id
       where g.tenant_id = a.tenant_id and g.user_id = a.user_id and g.role_id = any (a.role_ids)) as permissions
   from access_tokens a where a.id = $1 and a.expires_at > $2`,
);

export interface ProviderCredentialRow {
  readonly id: string;
  readonly secretHash: string;
}

export const findProviderCredential = statement<[id: string, now: Date], ProviderCredentialRow>(
  'iam_provider_credential',
  'select id, secret_hash as "secretHash" from provider_tokens where id = $1 and expires_at > $2',
);

export const findProviderAccess = statement<[tokenId: string, now: Date], { permissions: string[] }>(
  'iam_provider_access',
  'select permissions from provider_tokens where id = $1 and expires_at > $2',
);
