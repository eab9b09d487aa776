/** SQL of personal access tokens (IAM-10). */
import { statement } from '../database/statement.ts';

export interface TokenRow {
  readonly id: string;
  readonly name: string;
  /** In the order given at creation. */
  readonly roleIds: string[];
  /** Milliseconds since the epoch. */
  readonly expiresAtMs: number;
  readonly userId: string;
  readonly tenantId: string;
  readonly tenantName: string;
}

const columns = `a.id, a.name, a.role_ids as "roleIds", round(extract(epoch from a.expires_at) * 1000)::bigint as "expiresAtMs",
  a.user_id as "userId", a.tenant_id as "tenantId", t.name as "tenantName"`;

export const listTokens = statement<[], TokenRow>(
  'iam_tokens',
  `select ${columns} from access_tokens a join tenants t on t.id = a.tenant_id order by a.created_at, a.id`,
);

export const findToken = statement<[id: string], TokenRow>(
  'iam_token',
  `select ${columns} from access_tokens a join tenants t on t.id = a.tenant_id where a.id = $1`,
);

export const countTokensOfUser = statement<[userId: string], { count: number }>(
  'iam_tokens_count',
  'select count(*) as count from access_tokens where user_id = $1',
);

export const insertToken = statement<
  [
    id: string,
    tenantId: string,
    organisationId: string,
    userId: string,
    name: string,
    secretHash: string,
    roleIds: readonly string[],
    expiresAtMs: number,
  ]
>(
  'iam_token_insert',
  `insert into access_tokens (id, tenant_id, organisation_id, user_id, name, secret_hash, role_ids, expires_at)
   values ($1, $2, $3, $4, $5, $6, $7::uuid[], to_timestamp($8::float8 / 1000))`,
);

export const deleteToken = statement<[id: string]>('iam_token_delete', 'delete from access_tokens where id = $1');
