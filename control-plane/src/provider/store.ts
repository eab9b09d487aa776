/** SQL of the provider plane: what the region has and how it fares. */
import { statement } from '../database/statement.ts';

/** `observed` is what the agent said of itself last; the words in it are its own. */
const problems = `coalesce(array(select jsonb_array_elements_text(
  case when jsonb_typeof(x.observed -> 'problems') = 'array' then x.observed -> 'problems' end)), '{}') as problems`;
const status = `case when x.last_seen_at is null then 'unknown' when x.reachable then 'up' else 'down' end as status`;

export interface HostRow {
  readonly id: string;
  readonly name: string;
  readonly zoneId: string;
  readonly zoneName: string;
  readonly status: 'up' | 'down' | 'unknown';
  readonly maintenance: boolean;
  readonly maintenanceReason: string | null;
  readonly vcpuTotal: number;
  readonly vcpuReserved: number;
  readonly memoryMibTotal: number;
  readonly memoryMibReserved: number;
  readonly machineCount: number;
  readonly lastSeenAt: Date | null;
  readonly problems: string[];
}

const hostColumns = `x.id, x.name, x.zone_id as "zoneId", z.name as "zoneName", ${status},
  x.state = 'maintenance' as maintenance, x.maintenance_reason as "maintenanceReason",
  floor(x.cores * x.overcommit)::bigint as "vcpuTotal", x.vcpus_reserved as "vcpuReserved",
  x.memory_mib as "memoryMibTotal", x.memory_reserved_mib as "memoryMibReserved",
  (select count(*) from machines m where m.host_id = x.id) as "machineCount", x.last_seen_at as "lastSeenAt", ${problems}`;

export const listHosts = statement<[], HostRow>(
  'provider_hosts',
  `select ${hostColumns} from hosts x join zones z on z.id = x.zone_id order by x.name`,
);

export const findHost = statement<[id: string], HostRow>(
  'provider_host',
  `select ${hostColumns} from hosts x join zones z on z.id = x.zone_id where x.id = $1`,
);

export const setHostState = statement<[id: string, state: 'ready' | 'maintenance', reason: string | null]>(
  'provider_host_state',
  'update hosts set state = $2, maintenance_reason = $3 where id = $1',
);

export interface ArrayRow {
  readonly id: string;
  readonly name: string;
  readonly zoneId: string;
  readonly zoneName: string;
  readonly status: 'up' | 'down' | 'unknown';
  readonly capacityBytes: number;
  readonly lastSeenAt: Date | null;
  readonly problems: string[];
}

export const listArrays = statement<[], ArrayRow>(
  'provider_arrays',
  `select x.id, x.name, x.zone_id as "zoneId", z.name as "zoneName", ${status}, x.capacity_bytes as "capacityBytes",
     x.last_seen_at as "lastSeenAt", ${problems}
   from arrays x join zones z on z.id = x.zone_id order by x.name`,
);

export interface PoolRow {
  readonly arrayId: string;
  readonly id: string;
  readonly name: string;
  readonly storageClass: string;
  readonly sizeGib: number;
  readonly iopsLimit: number | null;
  readonly encrypted: boolean;
  readonly reservedGib: number;
  readonly volumeCount: number;
}

export const listPools = statement<[], PoolRow>(
  'provider_pools',
  `select p.array_id as "arrayId", p.id, p.name, s.storage_class as "storageClass", p.size_gib as "sizeGib",
     p.iops_limit as "iopsLimit", p.encrypted, p.allocated_gib as "reservedGib",
     (select count(*) from volumes v where v.pool_id = p.id) as "volumeCount"
   from pools p join storage_types s on s.id = p.storage_type_id order by p.name`,
);

export interface ImageVersionRow {
  readonly id: string;
  readonly versionId: string;
  readonly name: string;
  readonly kind: 'official' | 'custom';
  readonly version: string;
  readonly checksum: string;
  readonly releasedAt: Date;
  readonly toolsVersion: string | null;
  readonly parentVersionId: string | null;
  readonly sizeBytes: number;
  readonly published: boolean;
}

const imageColumns = `i.id, v.id as "versionId", i.name, i.kind, v.version, v.sha256 as checksum,
  v.released_at as "releasedAt", v.tools_version as "toolsVersion", v.parent_version_id as "parentVersionId",
  v.virtual_size_bytes as "sizeBytes", v.status = 'published' as published`;

export const listImageVersions = statement<[], ImageVersionRow>(
  'provider_images',
  `select ${imageColumns} from image_versions v join images i on i.id = v.image_id order by i.name, v.released_at desc, v.id`,
);

export const findImageVersion = statement<[versionId: string], ImageVersionRow>(
  'provider_image',
  `select ${imageColumns} from image_versions v join images i on i.id = v.image_id where v.id = $1`,
);

export interface ZoneCapacityRow {
  readonly zoneId: string;
  readonly zoneName: string;
  readonly vcpuTotal: number;
  readonly vcpuReserved: number;
  readonly memoryMibTotal: number;
  readonly memoryMibReserved: number;
  readonly storageGibTotal: number;
  readonly storageGibReserved: number;
}

/** Hosts in maintenance count: what runs on them is still promised, and they come back. */
export const listZoneCapacity = statement<[], ZoneCapacityRow>(
  'provider_capacity',
  `select z.id as "zoneId", z.name as "zoneName",
     coalesce(h.vcpu_total, 0)::bigint as "vcpuTotal", coalesce(h.vcpu_reserved, 0)::bigint as "vcpuReserved",
     coalesce(h.memory_total, 0)::bigint as "memoryMibTotal", coalesce(h.memory_reserved, 0)::bigint as "memoryMibReserved",
     coalesce(s.size, 0)::bigint as "storageGibTotal", coalesce(s.allocated, 0)::bigint as "storageGibReserved"
   from zones z
   left join (select zone_id, sum(floor(cores * overcommit)) as vcpu_total, sum(vcpus_reserved) as vcpu_reserved,
       sum(memory_mib) as memory_total, sum(memory_reserved_mib) as memory_reserved from hosts group by zone_id) h
     on h.zone_id = z.id
   left join (select a.zone_id, sum(p.size_gib) as size, sum(p.allocated_gib) as allocated
       from pools p join arrays a on a.id = p.array_id group by a.zone_id) s on s.zone_id = z.id
   order by z.name`,
);

/** Writes nothing when there is no such tenant. */
export const putQuota = statement<[tenantId: string, vcpus: number, ramMb: number, storageGb: number]>(
  'provider_quota',
  `insert into quotas (tenant_id, vcpu_limit, ram_limit_mb, storage_limit_gb)
   select id, $2, $3, $4 from tenants where id = $1
   on conflict (tenant_id) do update set vcpu_limit = excluded.vcpu_limit, ram_limit_mb = excluded.ram_limit_mb,
     storage_limit_gb = excluded.storage_limit_gb`,
);

export const ping = statement<[], { one: number }>('provider_ping', 'select 1 as one');
