/** SQL of identity and access, as a tenant sees it: row-level security keeps each to its organisation (IAM-01). */
import { statement } from '../database/statement.ts';

export const listRoles = statement<[], { id: string; name: string }>(
  'iam_roles',
  'select id, name from roles order by name',
);

export const findRole = statement<[id: string], { id: string; name: string }>(
  'iam_role',
  'select id, name from roles where id = $1',
);

export const findOrganisation = statement<[id: string], { id: string; name: string }>(
  'iam_organisation',
  'select id, name from organisations where id = $1',
);

export interface TenantRow {
  readonly id: string;
  readonly name: string;
  readonly snc: boolean;
  readonly companyId: string;
}

/** Tenants in which the user holds a permission; all of the organisation for its owners (IAM-02, IAM-04). */
export const listTenantsOfUser = statement<[userId: string], TenantRow>(
  'iam_tenants_of_user',
  `select t.id, t.name, t.snc, t.organisation_id as "companyId" from tenants t
   where exists (select from users u where u.id = $1 and u.owner)
     or exists (select from role_grants g where g.tenant_id = t.id and g.user_id = $1)
   order by t.name, t.id`,
);

export interface UserRow {
  readonly id: string;
  readonly internalId: string;
  readonly name: string;
  readonly type: string;
  readonly source: string[] | null;
  readonly sourceId: string | null;
  readonly email: string;
  readonly emailVerified: boolean;
}

const userColumns = `id, internal_id as "internalId", name, type, source, source_id as "sourceId", email,
  email_verified as "emailVerified"`;

export const listUsers = statement<[], UserRow>('iam_users', `select ${userColumns} from users order by email, id`);

export const findUser = statement<[id: string], UserRow>('iam_user', `select ${userColumns} from users where id = $1`);

export interface AssignmentRow {
  readonly userId: string;
  readonly tenantId: string;
  readonly roleId: string;
}

export const listAssignments = statement<[userId: string, tenantId: string, roleId: string | null], AssignmentRow>(
  'iam_assignments',
  `select g.user_id as "userId", g.tenant_id as "tenantId", g.role_id as "roleId"
   from role_grants g join roles r on r.id = g.role_id
   where g.user_id = $1 and g.tenant_id = $2 and ($3::uuid is null or g.role_id = $3) order by r.name`,
);

export interface FeatureRow {
  readonly id: string;
  readonly parentId: string | null;
  readonly name: string;
}

export const listFeatures = statement<[], FeatureRow>(
  'iam_features',
  'select id, parent_id as "parentId", name from features order by position, id',
);

export const listFeatureAssignments = statement<[tenantId: string], { featureId: string; tenantId: string }>(
  'iam_feature_assignments',
  `select a.feature_id as "featureId", a.tenant_id as "tenantId"
   from feature_assignments a join features f on f.id = a.feature_id where a.tenant_id = $1 order by f.position, f.id`,
);
