/** Everything a region needs before its first request, in one transaction. */
import type { Topology } from '#region/topology.ts';
import { readCatalogue } from '#images/catalogue.ts';
import { type Database, type Session, checkViolation, uniqueViolation } from '../database/database.ts';
import { compareVersions, publishIfNewer } from '../catalogue/publication-service.ts';
import { permissionNames, roleIdOf } from '../iam/permissions.ts';
import { backupPolicies, catalogueId, diskSizeGb, families, productTree, storageTypes } from './catalogue.ts';
import { seedOrganisations } from './organisations.ts';
import { SeedError, seedRegion } from './region.ts';
import { readKnownTokens, writeSecrets } from './secrets-file.ts';
import {
  lockSeed,
  upsertBackupPolicy,
  upsertFamily,
  upsertFeature,
  upsertFlavor,
  upsertRole,
  upsertStorageType,
} from './store.ts';

/** Any number will do; it only has to be ours. */
const lockKey = 7_226_184_502;

export interface SeedOptions {
  readonly topology: Topology;
  readonly secretsFile: string;
  readonly imagesDir: string;
}

export interface SeedReport {
  /** Names of images that were put on offer by this run, with their versions. */
  readonly published: readonly string[];
  /** Tenants that were given a new token although they existed: the old one is unknown here or was revoked. */
  readonly renewedTokens: readonly string[];
}

/**
 * Registers the region, its catalogue and its tenants. Repeatable: a second run changes nothing and keeps every token.
 * @throws SeedError when the topology asks for what cannot be, or contradicts what the database holds
 */
export async function seed(database: Database, options: SeedOptions): Promise<SeedReport> {
  const { topology, secretsFile, imagesDir } = options;
  const { images } = await readCatalogue(imagesDir);
  const work = async (session: Session): Promise<SeedReport> => {
    await session.first(lockSeed, lockKey);
    await seedCatalogue(session);
    await seedRegion(session, topology);
    const published: string[] = [];
    const ready = images.filter((record) => record.status === 'published');
    for (const record of ready.toSorted((a, b) => compareVersions(a.version, b.version)))
      if (await publishIfNewer(session, record)) published.push(`${record.name} ${record.version}`);
    const { secrets, renewed } = await seedOrganisations(session, topology, readKnownTokens(secretsFile));
    // Before the commit: after a crash in between, the next run still finds the file and registers what is in it.
    writeSecrets(secretsFile, secrets);
    return { published, renewedTokens: renewed };
  };
  try {
    return await database.platformTransaction(work);
  } catch (error) {
    throw explain(error);
  }
}

/** What an operator can do about a constraint that the topology runs into. */
function explain(error: unknown): unknown {
  const taken = uniqueViolation(error);
  if (taken !== null)
    return new SeedError(
      `the database knows something else under a name of this topology (${taken}): the ids in the topology are not those of the region that made the database`,
      { cause: error },
    );
  const broken = checkViolation(error);
  if (broken !== null)
    return new SeedError(
      `the topology makes something smaller than what is in use on it (${broken}): free it first, or give the old size`,
      { cause: error },
    );
  return error;
}

async function seedCatalogue(session: Session): Promise<void> {
  for (const name of permissionNames) await session.run(upsertRole, roleIdOf(name), name);
  for (const { name, description } of backupPolicies)
    await session.run(upsertBackupPolicy, catalogueId('backup policy', name), name, description);
  for (const { storageClass, name, description, iopsPerTib, isDefault } of storageTypes) {
    const id = catalogueId('storage type', name);
    const { min, max } = diskSizeGb;
    await session.run(upsertStorageType, id, storageClass, name, description, iopsPerTib, min, max, isDefault);
  }
  await seedFamilies(session);
  await seedFeatures(session);
}

async function seedFamilies(session: Session): Promise<void> {
  for (const [position, family] of families.entries()) {
    const id = catalogueId('family', family.name);
    const { name, description, vcpu, ramGb, cpuPolicy, cpuWeight } = family;
    await session.run(upsertFamily, id, name, description, ...vcpu, ...ramGb, cpuPolicy, cpuWeight, position);
    for (const [order, [flavor, vcpus, gb]] of family.flavors.entries())
      await session.run(upsertFlavor, catalogueId('flavor', flavor), id, flavor, vcpus, gb, order);
  }
}

async function seedFeatures(session: Session): Promise<void> {
  for (const [position, { name, products }] of productTree.entries()) {
    const parentId = catalogueId('feature', name);
    await session.run(upsertFeature, parentId, null, name, position);
    for (const [order, product] of products.entries())
      await session.run(upsertFeature, catalogueId('feature', product.name), parentId, product.name, order);
  }
}
