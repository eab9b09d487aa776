/** SQL of the catalogue (REG, FLV, IMG, STO) and of a tenant's networks and quota. */
import { statement } from '../database/statement.ts';

export interface RegionRow {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly countryCode: string;
  readonly geography: string;
  readonly isEnabled: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export const listRegions = statement<[], RegionRow>(
  'catalogue_regions',
  `select id, name, description, country_code as "countryCode", geography, is_enabled as "isEnabled",
     created_at as "createdAt", updated_at as "updatedAt"
   from regions order by name`,
);

export interface ZoneRow {
  readonly id: string;
  readonly regionId: string;
  /** REG-06, such as `fr1-az01`. */
  readonly name: string;
  readonly code: string;
  readonly site: string;
  readonly description: string | null;
  readonly isEnabled: boolean;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export const listZones = statement<[], ZoneRow>(
  'catalogue_zones',
  `select id, region_id as "regionId", name, code, site, description, is_enabled as "isEnabled",
     created_at as "createdAt", updated_at as "updatedAt"
   from zones order by name`,
);

export interface FamilyRow {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly vcpuMin: number;
  readonly vcpuMax: number;
  readonly ramMinGb: number;
  readonly ramMaxGb: number;
  readonly cpuPolicy: 'shared' | 'dedicated';
  /** cgroup v2 `cpu.weight`. */
  readonly cpuWeight: number;
}

export const listFamilies = statement<[], FamilyRow>(
  'catalogue_families',
  `select id, name, description, vcpu_min as "vcpuMin", vcpu_max as "vcpuMax", ram_min_gb as "ramMinGb",
     ram_max_gb as "ramMaxGb", cpu_policy as "cpuPolicy", cpu_weight as "cpuWeight"
   from families order by position, name`,
);

export interface FlavorRow {
  readonly id: string;
  readonly instanceFamilyId: string;
  readonly name: string;
  readonly vcpu: number;
  readonly ramGb: number;
}

export const listFlavors = statement<[], FlavorRow>(
  'catalogue_flavors',
  `select id, family_id as "instanceFamilyId", name, vcpu, ram_gb as "ramGb" from flavors order by position, name`,
);

export interface StorageTypeRow {
  readonly id: string;
  readonly storageClass: string;
  readonly name: string;
  readonly description: string | null;
  readonly iopsPerTib: number | null;
  readonly minSizeGb: number;
  readonly maxSizeGb: number;
  readonly isDefault: boolean;
  readonly isAvailable: boolean;
}

export const listStorageTypes = statement<[], StorageTypeRow>(
  'catalogue_storage_types',
  `select id, storage_class as "storageClass", name, description, iops_per_tib as "iopsPerTib",
     min_size_gb as "minSizeGb", max_size_gb as "maxSizeGb", is_default as "isDefault", is_available as "isAvailable"
   from storage_types order by is_default desc, name`,
);

export interface BackupPolicyRow {
  readonly id: string;
  readonly name: string;
  readonly description: string | null;
  readonly retention: number | null;
  readonly scheduleCron: string | null;
  readonly scheduleWindowStartHour: number | null;
  readonly scheduleWindowDurationMinutes: number | null;
}

export const listBackupPolicies = statement<[], BackupPolicyRow>(
  'catalogue_backup_policies',
  `select id, name, description, retention, schedule_cron as "scheduleCron",
     schedule_window_start_hour as "scheduleWindowStartHour",
     schedule_window_duration_minutes as "scheduleWindowDurationMinutes"
   from backup_policies order by name`,
);

export interface ImageRow {
  readonly id: string;
  readonly name: string;
  readonly kind: 'official' | 'custom';
  readonly osFamily: string;
  readonly osName: string;
  readonly osVersion: string;
  readonly editor: string;
  readonly descriptionFr: string;
  readonly descriptionEn: string;
  readonly categories: readonly string[];
  readonly icon: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly versionId: string | null;
  readonly version: string | null;
  readonly releasedAt: Date | null;
  readonly sha256: string | null;
  readonly format: string | null;
  readonly path: string | null;
  readonly virtualSizeBytes: number | null;
  readonly minDiskGib: number | null;
  readonly toolsVersion: string | null;
}

/** Official images; a tenant's own images are never in a cache that tenants share. */
export const listOfficialImages = statement<[], ImageRow>(
  'catalogue_images',
  `select i.id, i.name, i.kind, i.os_family as "osFamily", i.os_name as "osName", i.os_version as "osVersion", i.editor,
     i.description_fr as "descriptionFr", i.description_en as "descriptionEn", i.categories, i.icon,
     i.created_at as "createdAt", i.updated_at as "updatedAt", v.id as "versionId", v.version, v.released_at as "releasedAt",
     v.sha256, v.format, v.path, v.virtual_size_bytes as "virtualSizeBytes", v.min_disk_gib as "minDiskGib",
     v.tools_version as "toolsVersion"
   from images i left join image_versions v on v.id = i.current_version_id and v.status = 'published'
   where i.tenant_id is null order by i.name`,
);

export interface NetworkRow {
  readonly id: string;
  readonly name: string;
  readonly kind: 'private_backbone' | 'vpc';
}

export const listNetworks = statement<[], NetworkRow>(
  'catalogue_networks',
  `select id, name, kind from networks order by created_at, id`,
);

export const findNetwork = statement<[id: string], NetworkRow>(
  'catalogue_network',
  `select id, name, kind from networks where id = $1`,
);

export interface QuotaRow {
  readonly vcpuLimit: number;
  readonly ramLimitMb: number;
  readonly storageLimitGb: number;
  readonly vcpuUsed: number;
  readonly ramUsedMb: number;
  readonly storageUsedGb: number;
}

export const findQuota = statement<[tenantId: string], QuotaRow>(
  'catalogue_quota',
  `select q.vcpu_limit as "vcpuLimit", q.ram_limit_mb as "ramLimitMb", q.storage_limit_gb as "storageLimitGb",
     coalesce(u.vcpu_used, 0) as "vcpuUsed", coalesce(u.ram_used_mb, 0) as "ramUsedMb",
     coalesce(u.storage_used_gb, 0) as "storageUsedGb"
   from quotas q left join tenant_usage u using (tenant_id) where q.tenant_id = $1`,
);
