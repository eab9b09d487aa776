/** Rows of the provider plane in the shapes of its contract. */
import type { ProviderArray, ProviderHost, ProviderImage, ZoneCapacity } from '#contract/generated/provider.ts';
import type { ArrayRow, HostRow, ImageVersionRow, PoolRow, ZoneCapacityRow } from './store.ts';

export function presentHost(row: HostRow): ProviderHost {
  const { id, name, zoneId, zoneName, status, maintenance, maintenanceReason, machineCount, problems } = row;
  return {
    id,
    name,
    zoneId,
    zoneName,
    status,
    maintenance,
    maintenanceReason,
    vcpu: { total: row.vcpuTotal, reserved: row.vcpuReserved },
    memoryMib: { total: row.memoryMibTotal, reserved: row.memoryMibReserved },
    machineCount,
    lastSeenAt: row.lastSeenAt?.toISOString() ?? null,
    problems,
  };
}

export function presentArray(row: ArrayRow & { pools: PoolRow[] }): ProviderArray {
  const { id, name, zoneId, zoneName, status, capacityBytes, problems } = row;
  const lastSeenAt = row.lastSeenAt?.toISOString() ?? null;
  const pools = row.pools.map(({ arrayId: _, ...pool }) => pool);
  return { id, name, zoneId, zoneName, status, capacityBytes, lastSeenAt, problems, pools };
}

export function presentImage(row: ImageVersionRow): ProviderImage {
  const { releasedAt, ...rest } = row;
  return { ...rest, releaseDate: releasedAt.toISOString() };
}

export function presentZoneCapacity(row: ZoneCapacityRow): ZoneCapacity {
  return {
    zoneId: row.zoneId,
    zoneName: row.zoneName,
    vcpu: { total: row.vcpuTotal, reserved: row.vcpuReserved },
    memoryMib: { total: row.memoryMibTotal, reserved: row.memoryMibReserved },
    storageGib: { total: row.storageGibTotal, reserved: row.storageGibReserved },
  };
}
