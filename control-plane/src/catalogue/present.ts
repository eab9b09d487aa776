/** Rows of the catalogue in the shapes of the tenant contract. */
import type {
  VmAvailabilityZone,
  VmFlavor,
  VmInstanceFamily,
  VmNetwork,
  VmRegion,
  VmStorageType,
  VmTemplate,
} from '#contract/generated/tenant.ts';
import type { CatalogueSnapshot, OfferedImage } from './snapshot.ts';
import type { FamilyRow, FlavorRow, NetworkRow, RegionRow, StorageTypeRow, ZoneRow } from './store.ts';

export function presentRegion(region: RegionRow, snapshot: CatalogueSnapshot): VmRegion {
  return {
    id: region.id,
    name: region.name,
    description: region.description,
    countryCode: region.countryCode,
    geography: region.geography,
    isEnabled: region.isEnabled,
    azCount: snapshot.zones.filter((zone) => zone.regionId === region.id).length,
    createdAt: region.createdAt.toISOString(),
    updatedAt: region.updatedAt.toISOString(),
  };
}

/** Site and room code stay inside (REG-03): the contract has no member for them. */
export function presentZone(zone: ZoneRow, snapshot: CatalogueSnapshot): VmAvailabilityZone {
  return {
    id: zone.id,
    name: zone.name,
    description: zone.description,
    regionId: zone.regionId,
    isEnabled: zone.isEnabled,
    compatibleFamilies: snapshot.families.map(({ id, name }) => ({ id, name })),
    createdAt: zone.createdAt.toISOString(),
    updatedAt: zone.updatedAt.toISOString(),
  };
}

export function presentFamily(family: FamilyRow): VmInstanceFamily {
  const { id, name, description, vcpuMin, vcpuMax, ramMinGb, ramMaxGb } = family;
  return { id, name, description, vcpuMin, vcpuMax, ramMinGb, ramMaxGb };
}

export function presentFlavor(flavor: FlavorRow): VmFlavor {
  const { id, instanceFamilyId, name, vcpu, ramGb } = flavor;
  return { id, instanceFamilyId, name, vcpu, ramGb };
}

export function presentStorageType(type: StorageTypeRow): VmStorageType {
  const { id, name, description, iopsPerTib, minSizeGb, maxSizeGb, isAvailable } = type;
  const iopsHint = iopsPerTib === null ? null : `${iopsPerTib} IOPS per TiB`;
  return { id, name, description, iopsHint, minSizeGb, maxSizeGb, isAvailable };
}

export function presentTemplate({ image, version }: OfferedImage, snapshot: CatalogueSnapshot): VmTemplate {
  return {
    id: image.id,
    name: image.name,
    osFamily: image.osFamily,
    osName: image.osName,
    osVersion: image.osVersion,
    diskSizesGb: [version.minDiskGib],
    compatibleFamilies: snapshot.families.map((family) => family.id),
    categories: [...image.categories],
    family: image.osFamily,
    version: version.version,
    editor: image.editor,
    descriptionEn: image.descriptionEn,
    templateType: image.kind,
    icon: image.icon === '' ? null : image.icon,
  };
}

/** A backbone network must not have the member `vpc` at all (notes §7.4). */
export function presentNetwork(network: NetworkRow): VmNetwork {
  return { id: network.id, name: network.name };
}
