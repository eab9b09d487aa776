/** The provider's catalogue as it stood at one moment, with what is looked up in it. */
import type { Session } from '../database/database.ts';
import {
  type BackupPolicyRow,
  type FamilyRow,
  type FlavorRow,
  type ImageRow,
  type RegionRow,
  type StorageTypeRow,
  type ZoneRow,
  listBackupPolicies,
  listFamilies,
  listFlavors,
  listOfficialImages,
  listRegions,
  listStorageTypes,
  listZones,
} from './store.ts';

/** An image that tenants can make machines from: it has a published version. */
export interface OfferedImage {
  readonly image: ImageRow;
  readonly version: {
    readonly id: string;
    readonly version: string;
    readonly releasedAt: Date;
    readonly sha256: string;
    readonly format: string;
    /** Relative to the images folder. */
    readonly path: string;
    readonly virtualSizeBytes: number;
    readonly minDiskGib: number;
    readonly toolsVersion: string | null;
  };
}

/** Names by id, for the references that machines carry (`az`, `template`, `instanceFamily`, `backupPolicy`). */
export interface CatalogueNames {
  readonly zones: ReadonlyMap<string, string>;
  /** Withdrawn images too: machines made from them live on (IMG-04). */
  readonly images: ReadonlyMap<string, string>;
  readonly families: ReadonlyMap<string, string>;
  readonly backupPolicies: ReadonlyMap<string, string>;
}

export interface CatalogueSnapshot {
  readonly regions: readonly RegionRow[];
  readonly zones: readonly ZoneRow[];
  readonly families: readonly FamilyRow[];
  readonly flavors: readonly FlavorRow[];
  readonly storageTypes: readonly StorageTypeRow[];
  readonly backupPolicies: readonly BackupPolicyRow[];
  readonly offered: readonly OfferedImage[];
  readonly names: CatalogueNames;
  readonly zoneById: ReadonlyMap<string, ZoneRow>;
  readonly familyById: ReadonlyMap<string, FamilyRow>;
  readonly offeredById: ReadonlyMap<string, OfferedImage>;
  readonly storageTypeById: ReadonlyMap<string, StorageTypeRow>;
  readonly backupPolicyById: ReadonlyMap<string, BackupPolicyRow>;
}

/** Reads the whole catalogue: some dozens of rows. */
export async function loadSnapshot(session: Session): Promise<CatalogueSnapshot> {
  const regions = await session.rows(listRegions);
  const zones = await session.rows(listZones);
  const families = await session.rows(listFamilies);
  const flavors = await session.rows(listFlavors);
  const storageTypes = await session.rows(listStorageTypes);
  const backupPolicies = await session.rows(listBackupPolicies);
  const images = await session.rows(listOfficialImages);
  const offered = images.flatMap(offer);
  return {
    regions,
    zones,
    families,
    flavors,
    storageTypes,
    backupPolicies,
    offered,
    names: {
      zones: namesOf(zones),
      images: namesOf(images),
      families: namesOf(families),
      backupPolicies: namesOf(backupPolicies),
    },
    zoneById: byId(zones),
    familyById: byId(families),
    offeredById: new Map(offered.map((entry) => [entry.image.id, entry])),
    storageTypeById: byId(storageTypes),
    backupPolicyById: byId(backupPolicies),
  };
}

function offer(image: ImageRow): OfferedImage[] {
  const { versionId, version, releasedAt, sha256, format, path, virtualSizeBytes, minDiskGib, toolsVersion } = image;
  // The columns of a left join: all there, or none.
  if (versionId === null || version === null || releasedAt === null || sha256 === null) return [];
  if (format === null || path === null || virtualSizeBytes === null || minDiskGib === null) return [];
  return [
    {
      image,
      version: { id: versionId, version, releasedAt, sha256, format, path, virtualSizeBytes, minDiskGib, toolsVersion },
    },
  ];
}

function byId<T extends { readonly id: string }>(rows: readonly T[]): ReadonlyMap<string, T> {
  return new Map(rows.map((row) => [row.id, row]));
}

function namesOf(rows: readonly { readonly id: string; readonly name: string }[]): ReadonlyMap<string, string> {
  return new Map(rows.map((row) => [row.id, row.name]));
}
