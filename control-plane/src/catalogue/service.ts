/** What can be ordered: regions, zones, families, flavors, storage types, images, backup policies; networks and quota. */
import { ApiError } from '#libs/contract-runtime/errors.ts';
import { FreshValue } from '#libs/cache/fresh-value.ts';
import type { Database, TenantScope } from '../database/database.ts';
import { type CatalogueNames, type CatalogueSnapshot, type OfferedImage, loadSnapshot } from './snapshot.ts';
import {
  type BackupPolicyRow,
  type FamilyRow,
  type NetworkRow,
  type QuotaRow,
  type StorageTypeRow,
  type ZoneRow,
  findNetwork,
  findQuota,
  listNetworks,
} from './store.ts';

/** The provider's tables change a few times a year; a second is how long another replica may still show the old state. */
const maxAgeMs = 1_000;
const refreshAfterMs = 500;

export class CatalogueService {
  readonly #database: Database;
  readonly #snapshot: FreshValue<CatalogueSnapshot>;

  constructor(database: Database) {
    this.#database = database;
    this.#snapshot = new FreshValue({ load: () => database.asPlatform(loadSnapshot), refreshAfterMs, maxAgeMs });
  }

  /** The catalogue, at most a second old. */
  async snapshot(): Promise<CatalogueSnapshot> {
    return this.#snapshot.get();
  }

  /** Makes the next read here see what was just changed here. */
  changed(): void {
    this.#snapshot.clear();
  }

  async names(): Promise<CatalogueNames> {
    return (await this.snapshot()).names;
  }

  async findZone(id: string): Promise<ZoneRow | null> {
    return (await this.snapshot()).zoneById.get(id) ?? null;
  }

  async findFamily(id: string): Promise<FamilyRow | null> {
    return (await this.snapshot()).familyById.get(id) ?? null;
  }

  /** An image on offer, with its published version. Null for one that was withdrawn. */
  async findImage(id: string): Promise<OfferedImage | null> {
    return (await this.snapshot()).offeredById.get(id) ?? null;
  }

  async findStorageType(id: string): Promise<StorageTypeRow | null> {
    return (await this.snapshot()).storageTypeById.get(id) ?? null;
  }

  /** The type of a disk that names none. @throws ApiError when the region offers no storage at all */
  async defaultStorageType(): Promise<StorageTypeRow> {
    const { storageTypes } = await this.snapshot();
    const chosen = storageTypes.find((type) => type.isDefault && type.isAvailable);
    if (chosen === undefined) throw new ApiError('unavailable', { what: 'The default storage type' });
    return chosen;
  }

  async findBackupPolicy(id: string): Promise<BackupPolicyRow | null> {
    return (await this.snapshot()).backupPolicyById.get(id) ?? null;
  }

  async listNetworks(scope: TenantScope): Promise<NetworkRow[]> {
    return this.#database.asTenant(scope, (session) => session.rows(listNetworks));
  }

  async findNetwork(scope: TenantScope, id: string): Promise<NetworkRow | null> {
    return this.#database.asTenant(scope, (session) => session.first(findNetwork, id));
  }

  /** Limits and use; null when the tenant is not set up for the service. */
  async findQuota(scope: TenantScope): Promise<QuotaRow | null> {
    return this.#database.asTenant(scope, (session) => session.first(findQuota, scope.tenantId));
  }
}
