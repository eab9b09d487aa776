-- VM instances: machines, disks, adapters, snapshots, quota and usage, activities (INS, RSZ, SNP, TOL, API-03/04).

create table quotas (
  tenant_id uuid primary key references tenants on delete cascade,
  vcpu_limit bigint not null,
  ram_limit_mb bigint not null,
  storage_limit_gb bigint not null
);

-- What exists, kept in the transactions that change it; one row per tenant is also the lock that makes a quota exact.
create table tenant_usage (
  tenant_id uuid primary key references tenants on delete cascade,
  vcpu_used bigint not null default 0 check (vcpu_used >= 0),
  ram_used_mb bigint not null default 0 check (ram_used_mb >= 0),
  storage_used_gb bigint not null default 0 check (storage_used_gb >= 0),
  machine_count bigint not null default 0 check (machine_count >= 0)
);

create table machines (
  id uuid primary key,
  tenant_id uuid not null references tenants,
  name text not null check (name <> ''),
  zone_id uuid not null references zones,
  image_id uuid not null references images,
  image_version_id uuid not null references image_versions,
  family_id uuid not null references families,
  backup_policy_id uuid not null references backup_policies,
  vcpu integer not null check (vcpu >= 1),
  ram_gb integer not null check (ram_gb >= 1),
  disks_size_gb integer not null default 0,
  status text not null check (status in ('creating', 'running', 'stopped', 'starting', 'stopping', 'deleting')),
  power_wanted text not null check (power_wanted in ('on', 'off')),
  host_id uuid references hosts,
  generation bigint not null default 1,
  tools_state text not null default 'unknown' check (tools_state in ('ok', 'outdated', 'disabled', 'absent', 'unknown')),
  tools_since timestamptz not null default now(),
  tools_version text,
  os jsonb,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now(),
  unique (tenant_id, name)
) with (fillfactor = 80);
create index machines_in_order on machines (tenant_id, created_at, id);
create index machines_by_status on machines (tenant_id, status, created_at, id);
create index machines_by_zone on machines (tenant_id, zone_id, created_at, id);
create index machines_by_family on machines (tenant_id, family_id, created_at, id);
create index machines_on_host on machines (host_id);

-- Cloud-init of a machine: kept only until the host has written the seed (RACI-25: the platform keeps no guest secret).
create table machine_seeds (
  machine_id uuid primary key references machines on delete cascade,
  tenant_id uuid not null,
  user_data text,
  network_config text
);

create table volumes (
  id uuid primary key,
  tenant_id uuid not null references tenants,
  machine_id uuid not null references machines,
  pool_id uuid references pools,
  storage_type_id uuid not null references storage_types,
  position integer not null check (position between 0 and 16),
  label text not null,
  size_gib integer not null check (size_gib >= 1),
  is_primary boolean not null,
  image_version_id uuid references image_versions,
  -- false until the disk is there: a disk being made is in no list.
  ready boolean not null default false,
  -- Part of the machine's wanted state; false while it is being made or removed.
  plugged boolean not null default false,
  nbd jsonb,
  created_at timestamptz not null default now(),
  unique (machine_id, position),
  check (is_primary = (position = 0))
);
create index volumes_of_pool on volumes (pool_id);

create table adapters (
  id uuid primary key,
  tenant_id uuid not null references tenants,
  machine_id uuid not null references machines,
  network_id uuid not null references networks,
  device_index integer not null check (device_index >= 0),
  mac_address text not null,
  ipv4 inet,
  guest_ipv4 text,
  guest_ipv6 text,
  provision_status text not null check (provision_status in ('provisioning', 'provisioned', 'failed')),
  plugged boolean not null default false,
  created_at timestamptz not null default now(),
  unique (machine_id, device_index),
  unique (tenant_id, mac_address),
  unique (network_id, ipv4)
);

create table snapshots (
  id uuid primary key,
  tenant_id uuid not null references tenants,
  machine_id uuid not null references machines,
  name text not null check (name <> ''),
  status text not null check (status in ('creating', 'available', 'deleting')),
  consistency text check (consistency in ('filesystem', 'crash')),
  volume_ids uuid[] not null default '{}',
  created_at timestamptz not null default now()
);
create index snapshots_of_machine on snapshots (machine_id, created_at);

-- TOL-05: time-stamped intervals that the SLA engine consumes.
create table tools_intervals (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  machine_id uuid not null references machines on delete cascade,
  state text not null,
  from_at timestamptz not null,
  to_at timestamptz
);
create index tools_intervals_of_machine on tools_intervals (machine_id, from_at);
create unique index tools_interval_open on tools_intervals (machine_id) where to_at is null;

create table machine_events (
  id bigint generated always as identity primary key,
  tenant_id uuid not null,
  machine_id uuid not null,
  at timestamptz not null,
  type text not null,
  detail jsonb
);
create unique index machine_event_once on machine_events (machine_id, at, type);

-- One durable operation. Its row is written with the rows it is about; a workflow of the same id carries it out.
create table activities (
  id uuid primary key,
  seq bigint generated always as identity,
  tenant_id uuid not null references tenants,
  resource_id uuid not null,
  kind text not null,
  type text not null,
  description text not null,
  tags text[] not null default '{}',
  initiator_id uuid,
  created_at timestamptz not null default now(),
  state text not null default 'waiting' check (state in ('waiting', 'running', 'completed', 'failed')),
  status text,
  progression integer not null default 0,
  started_at timestamptz,
  stopped_at timestamptz,
  reason text,
  failure_code text,
  result text,
  concerned jsonb not null default '[]',
  input jsonb not null default '{}',
  -- Raised each time the operation is handed to the workflow engine anew; part of the workflow id.
  attempt integer not null default 1
);
create index activities_of_tenant on activities (tenant_id, seq desc);
create index activities_of_resource on activities (resource_id, seq);
create index activities_open on activities (resource_id, seq) where state in ('waiting', 'running');
-- One operation at a time per resource, whichever replica starts it.
create unique index activity_running on activities (resource_id) where state = 'running';

-- For statements that take several things at once: all of them, or an error that rolls every one back.
create function complete_or_fail(value uuid, complete boolean) returns uuid language plpgsql as $$
begin
  if complete then return value; end if;
  raise exception 'incomplete' using errcode = 'BA001';
end $$;

-- What is to be removed on an agent that could not be reached when the operation ended.
create table tombstones (
  kind text not null check (kind in ('machine', 'volume', 'snapshot', 'port')),
  id uuid not null,
  -- Null for ports: the data path as a whole holds them.
  agent_id uuid,
  created_at timestamptz not null default now(),
  unique nulls not distinct (kind, id, agent_id)
);

create table replicas (
  name text primary key,
  version text not null,
  started_at timestamptz not null,
  heartbeat_at timestamptz not null
);

alter table quotas enable row level security;
create policy tenant_scope on quotas to bastide_tenant using (tenant_id = current_tenant());
alter table tenant_usage enable row level security;
create policy tenant_scope on tenant_usage to bastide_tenant using (tenant_id = current_tenant());
alter table machines enable row level security;
create policy tenant_scope on machines to bastide_tenant using (tenant_id = current_tenant());
alter table machine_seeds enable row level security;
create policy tenant_scope on machine_seeds to bastide_tenant using (tenant_id = current_tenant());
alter table volumes enable row level security;
create policy tenant_scope on volumes to bastide_tenant using (tenant_id = current_tenant());
alter table adapters enable row level security;
create policy tenant_scope on adapters to bastide_tenant using (tenant_id = current_tenant());
alter table snapshots enable row level security;
create policy tenant_scope on snapshots to bastide_tenant using (tenant_id = current_tenant());
alter table tools_intervals enable row level security;
create policy tenant_scope on tools_intervals to bastide_tenant using (tenant_id = current_tenant());
alter table machine_events enable row level security;
create policy tenant_scope on machine_events to bastide_tenant using (tenant_id = current_tenant());
alter table activities enable row level security;
create policy tenant_scope on activities to bastide_tenant using (tenant_id = current_tenant());

-- The platform role sees every row of every table under row-level security.
do $$ declare t record; begin
  for t in select relname from pg_class where relrowsecurity and relnamespace = 'public'::regnamespace loop
    execute format('create policy platform on %I to bastide_platform using (true) with check (true)', t.relname);
  end loop;
end $$;

grant usage on schema public to bastide_tenant, bastide_platform;
grant select, insert, update, delete on all tables in schema public to bastide_platform;
grant usage on all sequences in schema public to bastide_platform;
-- The tenant listener reads the catalogue and its own rows, and writes only what a synchronous part of a request writes.
grant select on organisations, tenants, users, roles, role_grants, features, feature_assignments, tags,
  regions, zones, storage_types, images, image_versions, families, flavors, backup_policies, networks, quotas,
  tenant_usage, machines, volumes, adapters, snapshots, tools_intervals, machine_events, activities to bastide_tenant;
grant insert, delete on access_tokens to bastide_tenant;
grant insert, update, delete on tags to bastide_tenant;
grant insert on audit_entries, activities, machines, machine_seeds, volumes, adapters, tools_intervals to bastide_tenant;
-- All of a token but its secret's hash.
grant select (id, tenant_id, organisation_id, user_id, name, role_ids, expires_at, created_at, last_used_at)
  on access_tokens to bastide_tenant;
