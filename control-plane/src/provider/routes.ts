import type { Operations } from '#contract/generated/provider.ts';
import type { Handlers } from '#libs/contract-runtime/call.ts';
import { reply } from '#libs/contract-runtime/call.ts';
import type { CatalogueService } from '../catalogue/service.ts';
import type { Database } from '../database/database.ts';
import type { JwtKeys } from '../iam/jwt.ts';
import { logInProvider } from '../iam/login-service.ts';
import { checkHealth } from './health.ts';
import { presentArray, presentHost, presentImage, presentZoneCapacity } from './present.ts';
import { ProviderService } from './service.ts';

export interface ProviderParts {
  readonly database: Database;
  readonly keys: JwtKeys;
  readonly clock: { now(): Date };
  readonly catalogue: CatalogueService;
  readonly imagesDir: string;
  /** Of this process, for the health answer. */
  readonly name: string;
  readonly version: string;
}

/** Every operation of the provider listener but the metrics, which belong to the process. */
export function providerHandlers(parts: ProviderParts): Omit<Handlers<Operations>, 'getMetrics'> {
  const service = new ProviderService(parts);
  return {
    authenticateOperator: async ({ body }) => {
      const { token, expiresAt } = await logInProvider(parts, body);
      return reply.ok({ token, expiresAt: expiresAt.toISOString() });
    },
    getHealth: async () => {
      const health = await checkHealth(parts);
      return health.status === 'ok' ? reply.ok(health) : { status: 503, body: health };
    },
    listHosts: async () => reply.ok((await service.listHosts()).map(presentHost)),
    setHostMaintenance: async (call) => {
      const { hostId } = call.params;
      const { maintenance, reason } = call.body;
      const host = maintenance
        ? await service.setMaintenance(call, hostId, reason ?? null)
        : await service.endMaintenance(call, hostId);
      return reply.ok(presentHost(host));
    },
    listArrays: async () => reply.ok((await service.listArrays()).map(presentArray)),
    listImages: async () => reply.ok((await service.listImages()).map(presentImage)),
    publishImage: async (call) =>
      reply.created(presentImage(await service.publishImage(call, call.body.versionId.toLowerCase()))),
    getCapacity: async () => reply.ok({ zones: (await service.listCapacity()).map(presentZoneCapacity) }),
    setQuota: async (call) => reply.ok(await service.setQuota(call, call.params.tenantId, call.body)),
  };
}
