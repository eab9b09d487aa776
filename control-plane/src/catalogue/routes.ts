import type { Operations } from '#contract/generated/tenant.ts';
import type { Handlers } from '#libs/contract-runtime/call.ts';
import { reply } from '#libs/contract-runtime/call.ts';
import { ApiError } from '#libs/contract-runtime/errors.ts';
import {
  presentFamily,
  presentFlavor,
  presentNetwork,
  presentRegion,
  presentStorageType,
  presentTemplate,
  presentZone,
} from './present.ts';
import type { CatalogueService } from './service.ts';

type CatalogueOperation =
  | 'listVmRegions'
  | 'getVmRegion'
  | 'listVmAvailabilityZones'
  | 'getVmAvailabilityZone'
  | 'listVmInstanceFamilies'
  | 'getVmInstanceFamily'
  | 'listVmFlavors'
  | 'listVmStorageTypes'
  | 'listVmTemplates'
  | 'getVmTemplate'
  | 'listVmBackupPolicies'
  | 'listVmNetworks'
  | 'getVmNetwork'
  | 'getVmQuota';

/** The read-only part of `/vm_instances/v1` (notes §7.1, §7.2, §7.8). */
export function catalogueHandlers(parts: {
  readonly catalogue: CatalogueService;
}): Pick<Handlers<Operations>, CatalogueOperation> {
  const { catalogue } = parts;
  return {
    listVmRegions: async () => {
      const snapshot = await catalogue.snapshot();
      return reply.ok(snapshot.regions.map((region) => presentRegion(region, snapshot)));
    },
    getVmRegion: async ({ params }) => {
      const snapshot = await catalogue.snapshot();
      const region = found(snapshot.regions.find(({ id }) => id === params.regionId));
      return reply.ok(presentRegion(region, snapshot));
    },
    listVmAvailabilityZones: async ({ query }) => {
      const snapshot = await catalogue.snapshot();
      const zones = snapshot.zones.filter(
        ({ regionId }) => query.regionId === undefined || regionId === query.regionId,
      );
      return reply.ok(zones.map((zone) => presentZone(zone, snapshot)));
    },
    getVmAvailabilityZone: async ({ params }) => {
      const snapshot = await catalogue.snapshot();
      return reply.ok(presentZone(found(snapshot.zoneById.get(params.availabilityZoneId)), snapshot));
    },
    listVmInstanceFamilies: async () => reply.ok((await catalogue.snapshot()).families.map(presentFamily)),
    getVmInstanceFamily: async ({ params }) => {
      const { familyById } = await catalogue.snapshot();
      return reply.ok(presentFamily(found(familyById.get(params.familyId))));
    },
    listVmFlavors: async ({ query }) => {
      const { flavors } = await catalogue.snapshot();
      const kept = flavors.filter(
        (flavor) => query.familyId === undefined || flavor.instanceFamilyId === query.familyId,
      );
      return reply.ok({ flavors: kept.map(presentFlavor) });
    },
    listVmStorageTypes: async () => {
      const { storageTypes } = await catalogue.snapshot();
      return reply.ok({ storageTypes: storageTypes.map(presentStorageType) });
    },
    listVmTemplates: async ({ query }) => {
      const snapshot = await catalogue.snapshot();
      // Every image runs in every zone and family, so a filter only has to name one that exists.
      const { availabilityZoneId: zoneId, instanceFamilyId: familyId } = query;
      const known =
        (zoneId === undefined || snapshot.zoneById.has(zoneId)) &&
        (familyId === undefined || snapshot.familyById.has(familyId));
      return reply.ok(known ? snapshot.offered.map((image) => presentTemplate(image, snapshot)) : []);
    },
    getVmTemplate: async ({ params }) => {
      const snapshot = await catalogue.snapshot();
      return reply.ok(presentTemplate(found(snapshot.offeredById.get(params.templateId)), snapshot));
    },
    listVmBackupPolicies: async () => reply.ok([...(await catalogue.snapshot()).backupPolicies]),
    listVmNetworks: async ({ principal }) => reply.ok((await catalogue.listNetworks(principal)).map(presentNetwork)),
    getVmNetwork: async ({ params, principal }) => {
      const network = await catalogue.findNetwork(principal, params.networkId);
      // 400 and not 404: what the client takes for "no such network" (notes §1.2).
      if (network === null) throw new ApiError('unknown_reference', { member: 'networkId', kind: 'network' });
      return reply.ok(presentNetwork(network));
    },
    getVmQuota: async ({ principal }) => reply.ok(found(await catalogue.findQuota(principal))),
  };
}

function found<T>(value: T | null | undefined): T {
  if (value === null || value === undefined) throw new ApiError('not_found');
  return value;
}
