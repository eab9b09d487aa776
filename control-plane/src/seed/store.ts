/** SQL of the seed: each statement puts one thing there, or leaves it as it is when it is there already. */
import { statement } from '../database/statement.ts';

/** Two seeds at once would make two tokens per tenant. */
export const lockSeed = statement<[key: number]>('seed_lock', 'select pg_advisory_xact_lock($1)');

export const upsertRegion = statement<
  [id: string, name: string, description: string, countryCode: string, geography: string]
>(
  'seed_region',
  `insert into regions (id, name, description, country_code, geography) values ($1, $2, $3, $4, $5)
   on conflict (id) do update set name = excluded.name, description = excluded.description,
     country_code = excluded.country_code, geography = excluded.geography, updated_at = now()
   where (regions.name, regions.description, regions.country_code, regions.geography)
     is distinct from (excluded.name, excluded.description, excluded.country_code, excluded.geography)`,
);

export const upsertZone = statement<
  [id: string, regionId: string, name: string, code: string, site: string, description: string]
>(
  'seed_zone',
  `insert into zones (id, region_id, name, code, site, description) values ($1, $2, $3, $4, $5, $6)
   on conflict (id) do update set name = excluded.name, code = excluded.code, site = excluded.site,
     description = excluded.description, updated_at = now()
   where (zones.name, zones.code, zones.site, zones.description)
     is distinct from (excluded.name, excluded.code, excluded.site, excluded.description)`,
);

export const upsertHost = statement<
  [id: string, zoneId: string, name: string, endpoint: string, cores: number, memoryMib: number, overcommit: number]
>(
  'seed_host',
  `insert into hosts (id, zone_id, name, endpoint, cores, memory_mib, overcommit) values ($1, $2, $3, $4, $5, $6, $7)
   on conflict (id) do update set name = excluded.name, endpoint = excluded.endpoint, cores = excluded.cores,
     memory_mib = excluded.memory_mib, overcommit = excluded.overcommit
   where (hosts.name, hosts.endpoint, hosts.cores, hosts.memory_mib, hosts.overcommit)
     is distinct from (excluded.name, excluded.endpoint, excluded.cores, excluded.memory_mib, excluded.overcommit)`,
);

export const upsertArray = statement<
  [id: string, zoneId: string, name: string, endpoint: string, capacityBytes: number]
>(
  'seed_array',
  `insert into arrays (id, zone_id, name, endpoint, capacity_bytes) values ($1, $2, $3, $4, $5)
   on conflict (id) do update set name = excluded.name, endpoint = excluded.endpoint, capacity_bytes = excluded.capacity_bytes
   where (arrays.name, arrays.endpoint, arrays.capacity_bytes)
     is distinct from (excluded.name, excluded.endpoint, excluded.capacity_bytes)`,
);

export const upsertPool = statement<
  [
    id: string,
    arrayId: string,
    storageTypeId: string,
    name: string,
    sizeGib: number,
    iopsLimit: number,
    encrypted: boolean,
  ]
>(
  'seed_pool',
  `insert into pools (id, array_id, storage_type_id, name, size_gib, iops_limit, encrypted)
   values ($1, $2, $3, $4, $5, $6, $7)
   on conflict (id) do update set name = excluded.name, size_gib = excluded.size_gib, iops_limit = excluded.iops_limit
   where (pools.name, pools.size_gib, pools.iops_limit)
     is distinct from (excluded.name, excluded.size_gib, excluded.iops_limit)`,
);

export const upsertStorageType = statement<
  [
    id: string,
    storageClass: string,
    name: string,
    description: string,
    iopsPerTib: number,
    minSizeGb: number,
    maxSizeGb: number,
    isDefault: boolean,
  ]
>(
  'seed_storage_type',
  `insert into storage_types
     (id, storage_class, name, description, iops_per_tib, min_size_gb, max_size_gb, is_default)
   values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (id) do nothing`,
);

export const upsertFamily = statement<
  [
    id: string,
    name: string,
    description: string,
    vcpuMin: number,
    vcpuMax: number,
    ramMinGb: number,
    ramMaxGb: number,
    cpuPolicy: string,
    cpuWeight: number,
    position: number,
  ]
>(
  'seed_family',
  `insert into families
     (id, name, description, vcpu_min, vcpu_max, ram_min_gb, ram_max_gb, cpu_policy, cpu_weight, position)
   values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) on conflict (id) do nothing`,
);

export const upsertFlavor = statement<
  [id: string, familyId: string, name: string, vcpu: number, ramGb: number, position: number]
>(
  'seed_flavor',
  `insert into flavors (id, family_id, name, vcpu, ram_gb, position) values ($1, $2, $3, $4, $5, $6)
   on conflict (id) do nothing`,
);

export const upsertBackupPolicy = statement<[id: string, name: string, description: string]>(
  'seed_backup_policy',
  'insert into backup_policies (id, name, description) values ($1, $2, $3) on conflict (id) do nothing',
);

export const upsertRole = statement<[id: string, name: string]>(
  'seed_role',
  'insert into roles (id, name) values ($1, $2) on conflict (id) do nothing',
);

export const upsertFeature = statement<[id: string, parentId: string | null, name: string, position: number]>(
  'seed_feature',
  'insert into features (id, parent_id, name, position) values ($1, $2, $3, $4) on conflict (id) do nothing',
);
