/** Rows as the public API shows them (notes §7, §9: what was given comes back exactly). */
import type { VirtualMachine, VmDisk, VmNetworkAdapter, VmSnapshot } from '#contract/generated/tenant.ts';
import type { CatalogueNames } from '../catalogue/snapshot.ts';
import type { AdapterRow } from './adapter-store.ts';
import type { DiskRow } from './disk-store.ts';
import type { SnapshotRow } from './snapshot-store.ts';
import type { MachineRow } from './store.ts';

export function presentMachine(row: MachineRow, names: CatalogueNames): VirtualMachine {
  const reference = (id: string, from: ReadonlyMap<string, string>): { id: string; name: string } => ({
    id,
    name: from.get(id) ?? '',
  });
  return {
    id: row.id,
    name: row.name,
    // Only `stopped` means off; every other word, transitional ones too, means on.
    status: row.status,
    az: reference(row.zoneId, names.zones),
    template: reference(row.imageId, names.images),
    instanceFamily: reference(row.familyId, names.families),
    vcpu: row.vcpu,
    ramGb: row.ramGb,
    disksSizeGb: row.disksSizeGb,
    backupPolicy: reference(row.backupPolicyId, names.backupPolicies),
    guestToolsInstalled: row.toolsState === 'ok' || row.toolsState === 'outdated',
    createdAt: row.createdAt.toISOString(),
    updatedAt: row.updatedAt.toISOString(),
  };
}

export function presentDisk(row: DiskRow): VmDisk {
  return {
    id: row.id,
    position: row.position,
    label: row.label,
    sizeGb: row.sizeGib,
    storageType: row.storageTypeId,
    isPrimary: row.isPrimary,
  };
}

export function presentAdapter(row: AdapterRow): VmNetworkAdapter {
  return {
    id: row.id,
    deviceIndex: row.deviceIndex,
    networkId: row.networkId,
    networkName: row.networkName,
    type: row.networkKind,
    provisionStatus: row.provisionStatus,
    macAddress: row.macAddress,
    ipv4Address: row.guestIpv4,
    ipv6Address: row.guestIpv6,
  };
}

export function presentSnapshot(row: SnapshotRow): VmSnapshot {
  return {
    id: row.id,
    vmId: row.machineId,
    tenantId: row.tenantId,
    name: row.name,
    status: row.status,
    createdAt: row.createdAt.toISOString(),
    consistency: row.consistency,
  };
}
