-- What the provider offers: region, zones, hosts, arrays, pools, and the catalogue (REG, FLV, IMG, STO).

create table regions (
  id uuid primary key,
  name text not null unique,
  description text,
  country_code text not null,
  geography text not null,
  is_enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table zones (
  id uuid primary key,
  region_id uuid not null references regions,
  name text not null unique,
  code text not null,
  site text not null,
  description text,
  is_enabled boolean not null default true,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);

create table hosts (
  id uuid primary key,
  zone_id uuid not null references zones,
  name text not null unique,
  endpoint text not null,
  cores integer not null check (cores > 0),
  memory_mib bigint not null check (memory_mib > 0),
  overcommit numeric not null default 4 check (overcommit >= 1),
  -- Reserved by placement. Recomputed by the consistency check, so a lost update shows.
  vcpus_reserved bigint not null default 0 check (vcpus_reserved >= 0),
  memory_reserved_mib bigint not null default 0 check (memory_reserved_mib >= 0),
  state text not null default 'ready' check (state in ('ready', 'maintenance')),
  maintenance_reason text,
  reachable boolean not null default true,
  last_seen_at timestamptz,
  observed jsonb,
  event_epoch text,
  event_cursor bigint not null default 0,
  check (vcpus_reserved <= cores * overcommit),
  check (memory_reserved_mib <= memory_mib)
);
create index hosts_of_zone on hosts (zone_id);

create table arrays (
  id uuid primary key,
  zone_id uuid not null references zones,
  name text not null unique,
  endpoint text not null,
  capacity_bytes bigint not null,
  reachable boolean not null default true,
  last_seen_at timestamptz,
  observed jsonb
);

create table storage_types (
  id uuid primary key,
  storage_class text not null unique,
  name text not null unique,
  description text,
  iops_per_tib integer,
  min_size_gb integer not null,
  max_size_gb integer not null,
  is_default boolean not null default false,
  is_available boolean not null default true
);

-- A pool is a LUN of the shared service: one class, one ordered size, one IOPS limit shared by its volumes (STO-08/09).
create table pools (
  id uuid primary key,
  array_id uuid not null references arrays,
  storage_type_id uuid not null references storage_types,
  name text not null unique,
  size_gib bigint not null check (size_gib > 0),
  allocated_gib bigint not null default 0 check (allocated_gib >= 0),
  iops_limit bigint,
  encrypted boolean not null,
  check (allocated_gib <= size_gib)
);
create index pools_of_array on pools (array_id);

create table images (
  id uuid primary key,
  tenant_id uuid references tenants,
  name text not null,
  kind text not null check (kind in ('official', 'custom')),
  os_family text not null,
  os_name text not null,
  os_version text not null,
  editor text not null,
  description_fr text not null,
  description_en text not null,
  categories text[] not null default '{}',
  icon text not null default '',
  current_version_id uuid,
  created_at timestamptz not null default now(),
  updated_at timestamptz not null default now()
);
create unique index official_image_name on images (name) where tenant_id is null;

create table image_versions (
  id uuid primary key,
  image_id uuid not null references images,
  version text not null,
  released_at timestamptz not null,
  sha256 text not null,
  format text not null,
  path text not null,
  virtual_size_bytes bigint not null,
  min_disk_gib integer not null,
  tools_version text,
  parent_image_id uuid,
  parent_version_id uuid,
  status text not null check (status in ('draft', 'validated', 'published', 'superseded')),
  changelog text,
  created_at timestamptz not null default now(),
  unique (image_id, version)
);
alter table images add foreign key (current_version_id) references image_versions;

-- Which array has which image at hand already; a cache of a fact the array-agent owns.
create table array_images (
  array_id uuid not null references arrays,
  image_version_id uuid not null references image_versions,
  primary key (array_id, image_version_id)
);

create table families (
  id uuid primary key,
  name text not null unique,
  description text,
  vcpu_min integer not null,
  vcpu_max integer not null,
  ram_min_gb integer not null,
  ram_max_gb integer not null,
  cpu_policy text not null check (cpu_policy in ('shared', 'dedicated')),
  cpu_weight integer not null,
  position integer not null
);

create table flavors (
  id uuid primary key,
  family_id uuid not null references families,
  name text not null unique,
  vcpu integer not null,
  ram_gb integer not null,
  position integer not null
);

create table backup_policies (
  id uuid primary key,
  name text not null unique,
  description text,
  retention integer,
  schedule_cron text,
  schedule_window_start_hour integer,
  schedule_window_duration_minutes integer
);

create table networks (
  id uuid primary key,
  tenant_id uuid not null references tenants,
  name text not null,
  kind text not null check (kind in ('private_backbone', 'vpc')),
  cidr cidr not null,
  gateway inet,
  mtu integer not null default 1500,
  dns_servers text[] not null default '{}',
  -- Next host number never handed out yet; given-back addresses wait in free_addresses (reused last).
  next_host bigint not null,
  created_at timestamptz not null default now()
);
create index networks_of_tenant on networks (tenant_id, created_at);

create table free_addresses (
  network_id uuid not null references networks on delete cascade,
  ipv4 inet not null,
  freed_at timestamptz not null default now(),
  primary key (network_id, ipv4)
);

alter table images enable row level security;
create policy tenant_scope on images to bastide_tenant using (tenant_id is null or tenant_id = current_tenant());
alter table networks enable row level security;
create policy tenant_scope on networks to bastide_tenant using (tenant_id = current_tenant());
