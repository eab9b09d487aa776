/** What operators of the region do: look after hosts, arrays, images and quotas (SVC-05, RACI of the provider). */
import { readCatalogue } from '#images/catalogue.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import { type AuditedCall, recordWrite } from '../audit/service.ts';
import { publishImageVersion } from '../catalogue/publication-service.ts';
import type { CatalogueService } from '../catalogue/service.ts';
import type { Database } from '../database/database.ts';
import {
  type ArrayRow,
  type HostRow,
  type ImageVersionRow,
  type PoolRow,
  type ZoneCapacityRow,
  findHost,
  findImageVersion,
  listArrays,
  listHosts,
  listImageVersions,
  listPools,
  listZoneCapacity,
  putQuota,
  setHostState,
} from './store.ts';

export interface ProviderServiceParts {
  readonly database: Database;
  readonly catalogue: CatalogueService;
  readonly imagesDir: string;
}

interface QuotaLimits {
  readonly vcpuLimit: number;
  readonly ramLimitMb: number;
  readonly storageLimitGb: number;
}

export class ProviderService {
  readonly #parts: ProviderServiceParts;
  readonly #database: Database;

  constructor(parts: ProviderServiceParts) {
    this.#parts = parts;
    this.#database = parts.database;
  }

  async listHosts(): Promise<HostRow[]> {
    return this.#database.asPlatform((session) => session.rows(listHosts));
  }

  /** In maintenance nothing new is placed on a host; what runs there goes on. @throws ApiError `not_found` */
  async setMaintenance(call: AuditedCall, hostId: string, reason: string | null): Promise<HostRow> {
    return this.#changeHost(call, hostId, { state: 'maintenance', reason });
  }

  /** @throws ApiError `not_found` */
  async endMaintenance(call: AuditedCall, hostId: string): Promise<HostRow> {
    return this.#changeHost(call, hostId, { state: 'ready', reason: null });
  }

  async listArrays(): Promise<(ArrayRow & { pools: PoolRow[] })[]> {
    return this.#database.asPlatform(async (session) => {
      const pools = await session.rows(listPools);
      const arrays = await session.rows(listArrays);
      return arrays.map((array) => ({ ...array, pools: pools.filter(({ arrayId }) => arrayId === array.id) }));
    });
  }

  async listImages(): Promise<ImageVersionRow[]> {
    return this.#database.asPlatform((session) => session.rows(listImageVersions));
  }

  /**
   * Offers a version of the images folder's catalogue (RACI-11: a draft has not passed its checks).
   * @throws ApiError `not_found`, `rule_violated`
   */
  async publishImage(call: AuditedCall, versionId: string): Promise<ImageVersionRow> {
    const { images } = await readCatalogue(this.#parts.imagesDir);
    const record = images.find((candidate) => candidate.versionId === versionId);
    if (record === undefined) throw new ApiError('not_found');
    if (record.status === 'draft')
      throw new ApiError('rule_violated', { detail: 'The version is a draft: it has not passed its checks' });
    const row = await this.#database.platformTransaction(async (session) => {
      await publishImageVersion(session, record);
      await recordWrite(session, call, versionId);
      return session.first(findImageVersion, versionId);
    });
    this.#parts.catalogue.changed();
    if (row === null) throw new Error('a version just published cannot be read');
    return row;
  }

  async listCapacity(): Promise<ZoneCapacityRow[]> {
    return this.#database.asPlatform((session) => session.rows(listZoneCapacity));
  }

  /** @throws ApiError `not_found` */
  async setQuota(call: AuditedCall, tenantId: string, limits: QuotaLimits): Promise<QuotaLimits> {
    const { vcpuLimit, ramLimitMb, storageLimitGb } = limits;
    if (![vcpuLimit, ramLimitMb, storageLimitGb].every(Number.isSafeInteger))
      throw new ApiError('rule_violated', { detail: 'A limit is a whole number below 2^53' });
    await this.#database.platformTransaction(async (session) => {
      const written = await session.run(putQuota, tenantId, vcpuLimit, ramLimitMb, storageLimitGb);
      if (written === 0) throw new ApiError('not_found');
      await recordWrite(session, call, tenantId);
    });
    return { vcpuLimit, ramLimitMb, storageLimitGb };
  }

  async #changeHost(
    call: AuditedCall,
    hostId: string,
    wanted: { state: 'ready' | 'maintenance'; reason: string | null },
  ): Promise<HostRow> {
    return this.#database.platformTransaction(async (session) => {
      await session.run(setHostState, hostId, wanted.state, wanted.reason);
      const host = await session.first(findHost, hostId);
      if (host === null) throw new ApiError('not_found');
      await recordWrite(session, call, hostId);
      return host;
    });
  }
}
