-- Organisations, tenants, people, permissions, tokens (IAM-01..16) and the roles the application runs as.
--
-- Isolation: every table with a tenant is under row-level security. The tenant listener runs as bastide_tenant and sees
-- only rows of the tenant in the setting bastide.tenant (nothing when it is unset). Workflows and reconcilers
-- run as bastide_platform, which has a policy of its own; neither role owns a table, so neither can lift a policy.

do $$ begin
  create role bastide_tenant nologin;
exception when duplicate_object or unique_violation then null; end $$;
do $$ begin
  create role bastide_platform nologin;
exception when duplicate_object or unique_violation then null; end $$;
do $$ begin
  execute format('grant bastide_tenant, bastide_platform to %I', current_user);
exception when others then
  -- A superuser is a member of every role; two migrating replicas may grant at once.
  if sqlstate not in ('0LP01', '23505', 'XX000') then raise; end if;
end $$;

create function current_tenant() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('bastide.tenant', true), '')::uuid $$;
create function current_organisation() returns uuid language sql stable parallel safe
  as $$ select nullif(current_setting('bastide.organisation', true), '')::uuid $$;

create table organisations (
  id uuid primary key,
  name text not null unique check (name <> ''),
  created_at timestamptz not null default now()
);

create table tenants (
  id uuid primary key,
  organisation_id uuid not null references organisations,
  name text not null check (name <> ''),
  snc boolean not null default false,
  created_at timestamptz not null default now(),
  unique (organisation_id, name)
);

create table users (
  id uuid primary key,
  organisation_id uuid not null references organisations,
  internal_id uuid not null unique,
  name text not null,
  type text not null check (type in ('human', 'service')),
  source text[],
  source_id text,
  email text not null,
  email_verified boolean not null default false,
  owner boolean not null default false,
  created_at timestamptz not null default now(),
  unique (organisation_id, email)
);

-- A role of the public API is one atomic permission (IAM-03, AMB-14).
create table roles (
  id uuid primary key,
  name text not null unique
);

create table role_grants (
  tenant_id uuid not null references tenants on delete cascade,
  user_id uuid not null references users on delete cascade,
  role_id uuid not null references roles,
  granted_at timestamptz not null default now(),
  primary key (tenant_id, user_id, role_id)
);

create table features (
  id text primary key,
  parent_id text references features,
  name text not null,
  position integer not null
);

create table feature_assignments (
  tenant_id uuid not null references tenants on delete cascade,
  feature_id text not null references features,
  primary key (tenant_id, feature_id)
);

-- A personal access token (IAM-10). The secret is kept as a scrypt hash only.
create table access_tokens (
  id uuid primary key,
  tenant_id uuid not null references tenants on delete cascade,
  organisation_id uuid not null references organisations,
  user_id uuid not null references users on delete cascade,
  name text not null check (name <> ''),
  secret_hash text not null,
  role_ids uuid[] not null check (cardinality(role_ids) > 0),
  expires_at timestamptz not null,
  created_at timestamptz not null default now(),
  last_used_at timestamptz
);
create index access_tokens_of_tenant on access_tokens (tenant_id, created_at);

-- Accounts of the provider's operators and their tokens: another plane, other tables (SVC-05, RACI-65).
create table provider_tokens (
  id uuid primary key,
  name text not null,
  secret_hash text not null,
  permissions text[] not null,
  expires_at timestamptz not null,
  created_at timestamptz not null default now()
);

create table tags (
  tenant_id uuid not null references tenants on delete cascade,
  resource_id text not null,
  key text not null check (key <> ''),
  value text not null,
  resource_type text not null,
  resource_source text not null,
  created_at timestamptz not null default now(),
  primary key (tenant_id, resource_id, key)
);
create index tags_by_value on tags (tenant_id, key, value);

-- Who asked for what (LOG-05). Written in the transaction of the write itself.
create table audit_entries (
  id bigint generated always as identity primary key,
  at timestamptz not null default now(),
  tenant_id uuid,
  organisation_id uuid,
  actor_id uuid,
  token_id uuid,
  source_ip text,
  request_id text not null,
  operation text not null,
  resource_id text,
  outcome text not null,
  activity_id uuid
);
create index audit_of_tenant on audit_entries (tenant_id, id);

alter table tenants enable row level security;
create policy tenant_scope on tenants to bastide_tenant using (organisation_id = current_organisation());
alter table organisations enable row level security;
create policy tenant_scope on organisations to bastide_tenant using (id = current_organisation());
alter table users enable row level security;
create policy tenant_scope on users to bastide_tenant using (organisation_id = current_organisation());
alter table role_grants enable row level security;
create policy tenant_scope on role_grants to bastide_tenant
  using (tenant_id in (select t.id from tenants t where t.organisation_id = current_organisation()));
alter table feature_assignments enable row level security;
create policy tenant_scope on feature_assignments to bastide_tenant
  using (tenant_id in (select t.id from tenants t where t.organisation_id = current_organisation()));
alter table access_tokens enable row level security;
create policy tenant_scope on access_tokens to bastide_tenant using (tenant_id = current_tenant());
alter table tags enable row level security;
create policy tenant_scope on tags to bastide_tenant using (tenant_id = current_tenant());
alter table audit_entries enable row level security;
create policy tenant_scope on audit_entries to bastide_tenant using (tenant_id = current_tenant());
