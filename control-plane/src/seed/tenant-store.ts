/** SQL of the seed for organisations, tenants, their owners and tokens. */
import { statement } from '../database/statement.ts';

/** A row unless the database is a new one. */
export const anyTenant = statement<[], { id: string }>('seed_any_tenant', 'select id from tenants limit 1');

export const insertOrganisation = statement<[id: string, name: string]>(
  'seed_organisation',
  'insert into organisations (id, name) values ($1, $2) on conflict (id) do nothing',
);

/** Writes nothing when the tenant was there. */
export const insertTenant = statement<[id: string, organisationId: string, name: string]>(
  'seed_tenant',
  'insert into tenants (id, organisation_id, name) values ($1, $2, $3) on conflict (id) do nothing',
);

export const insertOwner = statement<
  [id: string, organisationId: string, internalId: string, name: string, email: string]
>(
  'seed_owner',
  `insert into users (id, organisation_id, internal_id, name, type, source, email, email_verified, owner)
   values ($1, $2, $3, $4, 'human', '{local}', $5, true, true) on conflict (id) do nothing`,
);

export const grantAllRoles = statement<[tenantId: string, userId: string]>(
  'seed_grants',
  'insert into role_grants (tenant_id, user_id, role_id) select $1, $2, id from roles on conflict do nothing',
);

export const assignFeatures = statement<[tenantId: string, featureIds: readonly string[]]>(
  'seed_feature_assignments',
  'insert into feature_assignments (tenant_id, feature_id) select $1, unnest($2::text[]) on conflict do nothing',
);

export const insertQuota = statement<[tenantId: string, vcpus: number, ramMb: number, storageGb: number]>(
  'seed_quota',
  `insert into quotas (tenant_id, vcpu_limit, ram_limit_mb, storage_limit_gb) values ($1, $2, $3, $4)
   on conflict (tenant_id) do nothing`,
);

export const insertUsage = statement<[tenantId: string]>(
  'seed_usage',
  'insert into tenant_usage (tenant_id) values ($1) on conflict (tenant_id) do nothing',
);

export const insertBackbone = statement<
  [id: string, tenantId: string, name: string, cidr: string, mtu: number, nextHost: number]
>(
  'seed_backbone',
  `insert into networks (id, tenant_id, name, kind, cidr, mtu, next_host)
   values ($1, $2, $3, 'private_backbone', $4::cidr, $5, $6) on conflict (id) do nothing`,
);

export const tokenExists = statement<[id: string], { id: string }>(
  'seed_token_exists',
  'select id from access_tokens where id = $1',
);

/** A token with every permission there is, in the order of their names. */
export const insertOwnerToken = statement<
  [
    id: string,
    tenantId: string,
    organisationId: string,
    userId: string,
    name: string,
    secretHash: string,
    expiresAt: string,
  ]
>(
  'seed_token',
  `insert into access_tokens (id, tenant_id, organisation_id, user_id, name, secret_hash, role_ids, expires_at)
   values ($1, $2, $3, $4, $5, $6, array(select id from roles order by name), $7::timestamptz)`,
);

/** An upgrade that brings new permissions brings them to the owner's token too (IAM-04). */
export const completeOwnerToken = statement<[id: string]>(
  'seed_token_complete',
  `update access_tokens set role_ids = array(select id from roles order by name)
   where id = $1 and role_ids <> array(select id from roles order by name)`,
);

export const providerTokenExists = statement<[id: string], { id: string }>(
  'seed_provider_token_exists',
  'select id from provider_tokens where id = $1',
);

export const insertProviderToken = statement<
  [id: string, name: string, secretHash: string, permissions: readonly string[], expiresAt: string]
>(
  'seed_provider_token',
  `insert into provider_tokens (id, name, secret_hash, permissions, expires_at)
   values ($1, $2, $3, $4::text[], $5::timestamptz)`,
);
