/** Registers what the topology says: region, zones, hosts, arrays, pools (REG, STO-08). */
import type { Topology, TopologyZone } from '#region/topology.ts';
import { gib, iopsLimit, iopsPerTib } from '#libs/units/quantities.ts';
import type { Session } from '../database/database.ts';
import { catalogueId, storageTypes } from './catalogue.ts';
import { upsertArray, upsertHost, upsertPool, upsertRegion, upsertZone } from './store.ts';

/** The topology asks for what this version cannot give. */
export class SeedError extends Error {
  override readonly name = 'SeedError';
}

/** What is gone from the topology stays registered: its machines and disks are still there. */
export async function seedRegion(session: Session, topology: Topology): Promise<void> {
  const { id, name, description, countryCode, geography } = topology.region;
  await session.run(upsertRegion, id, name, description, countryCode, geography);
  for (const zone of topology.zones) {
    // REG-03: the room and the site are two facts, and tenants are told neither by a member of its own.
    const where = `Zone ${zone.code} on site ${zone.site}`;
    await session.run(upsertZone, zone.id, id, zone.name, zone.code, zone.site, where);
    await seedHosts(session, zone);
    await seedArrays(session, zone);
  }
}

async function seedHosts(session: Session, zone: TopologyZone): Promise<void> {
  for (const { id, name, endpoint, cores, memoryMib, overcommit } of zone.hosts)
    await session.run(upsertHost, id, zone.id, name, endpoint, cores, memoryMib, overcommit);
}

async function seedArrays(session: Session, zone: TopologyZone): Promise<void> {
  for (const array of zone.arrays) {
    await session.run(upsertArray, array.id, zone.id, array.name, array.endpoint, array.capacityBytes);
    for (const pool of array.pools) {
      const type = storageTypes.find(({ storageClass }) => storageClass === pool.storageClass);
      if (type === undefined) {
        const known = storageTypes.map(({ storageClass }) => storageClass).join(', ');
        throw new SeedError(`pool ${pool.name} has the storage class "${pool.storageClass}"; there are ${known}`);
      }
      const typeId = catalogueId('storage type', type.name);
      const limit = iopsLimit(iopsPerTib(type.iopsPerTib), gib(pool.sizeGib));
      await session.run(upsertPool, pool.id, array.id, typeId, pool.name, pool.sizeGib, limit, pool.encrypted);
    }
  }
}
