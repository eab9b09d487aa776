/** Creates organisations and tenants once, each with its owner, everything a tenant starts with, and a token. */
import type { Topology } from '#region/topology.ts';
import { nameBasedUuid } from '#libs/uuid/name-based.ts';
import type { Session } from '../database/database.ts';
import { providerPermissionNames } from '../iam/permissions.ts';
import { hashSecret } from '../iam/secrets.ts';
import { backbone, catalogueId, defaultQuota, productTree } from './catalogue.ts';
import { type KnownTokens, type SeedSecrets, type SeedToken, newToken } from './secrets-file.ts';
import {
  anyTenant,
  assignFeatures,
  completeOwnerToken,
  grantAllRoles,
  insertBackbone,
  insertOrganisation,
  insertOwner,
  insertOwnerToken,
  insertProviderToken,
  insertQuota,
  insertTenant,
  insertUsage,
  providerTokenExists,
  tokenExists,
} from './tenant-store.ts';

/** Far enough away that a region does not lock its owners out; they make shorter-lived ones of their own. */
const tokenExpiry = '2999-12-31T00:00:00Z';

/** What the seed decided, and for whom it had to make a new token although there had been one. */
export interface SeededTenants {
  readonly secrets: SeedSecrets;
  readonly renewed: readonly string[];
}

/** Ids follow from the region's id and the names, so that a second run finds what the first made. */
export async function seedOrganisations(
  session: Session,
  topology: Topology,
  known: KnownTokens,
): Promise<SeededTenants> {
  const { region } = topology;
  const isNewRegion = (await session.first(anyTenant)) === null;
  const renewed: string[] = [];
  const organisations: SeedSecrets['organisations'][number][] = [];
  for (const { name, tenants } of topology.organisations) {
    const id = nameBasedUuid(region.id, `organisation/${name}`);
    await session.run(insertOrganisation, id, name);
    const ownerId = await seedOwner(session, id, name);
    const made = [];
    for (const tenantName of tenants) {
      const tenantId = nameBasedUuid(id, `tenant/${tenantName}`);
      const isNew = (await session.run(insertTenant, tenantId, id, tenantName)) === 1;
      await seedTenant(session, tenantId, ownerId);
      const owner = { tenantId, organisationId: id, userId: ownerId };
      const token = await seedToken(session, owner, { known: known.byTenant.get(tenantId), isNew });
      if (!isNew && token.id !== known.byTenant.get(tenantId)?.id) renewed.push(`${name} / ${tenantName}`);
      made.push({ id: tenantId, name: tenantName, token });
    }
    organisations.push({ id, name, tenants: made });
  }
  const providerToken = await seedProviderToken(session, { known: known.provider, isNew: isNewRegion });
  const { id, name } = region;
  return { secrets: { region: { id, name }, organisations, providerToken }, renewed };
}

/** IAM-04: an organisation has an owner, who by default owns every tenant of it. */
async function seedOwner(session: Session, organisationId: string, organisation: string): Promise<string> {
  const id = nameBasedUuid(organisationId, 'owner');
  const mailbox = organisation.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-') || 'organisation';
  // RFC 2606: a domain that never receives mail, until the owner gives an address of their own.
  const email = `owner@${mailbox}.example`;
  await session.run(insertOwner, id, organisationId, nameBasedUuid(id, 'internal'), `Owner of ${organisation}`, email);
  return id;
}

async function seedTenant(session: Session, tenantId: string, ownerId: string): Promise<void> {
  await session.run(grantAllRoles, tenantId, ownerId);
  await session.run(assignFeatures, tenantId, offeredFeatureIds());
  await session.run(insertQuota, tenantId, defaultQuota.vcpus, defaultQuota.ramMb, defaultQuota.storageGb);
  await session.run(insertUsage, tenantId);
  const { name, cidr, mtu, firstHost } = backbone;
  await session.run(insertBackbone, nameBasedUuid(tenantId, `network/${name}`), tenantId, name, cidr, mtu, firstHost);
}

function offeredFeatureIds(): string[] {
  return productTree
    .map(({ name, products }) => ({ name, offered: products.filter((product) => product.offered) }))
    .filter(({ offered }) => offered.length > 0)
    .flatMap(({ name, offered }) => [name, ...offered.map((product) => product.name)])
    .map((name) => catalogueId('feature', name));
}

async function seedToken(
  session: Session,
  owner: { tenantId: string; organisationId: string; userId: string },
  state: { known: SeedToken | undefined; isNew: boolean },
): Promise<SeedToken> {
  const { known, isNew } = state;
  if (known !== undefined && (await session.first(tokenExists, known.id)) !== null) {
    await session.run(completeOwnerToken, known.id);
    return known;
  }
  // In a tenant that was there already, a token that is gone was revoked: its secret must not come back to life.
  const token = known !== undefined && isNew ? known : newToken();
  const { tenantId, organisationId, userId } = owner;
  const hash = await hashSecret(token.secret);
  await session.run(insertOwnerToken, token.id, tenantId, organisationId, userId, 'Owner', hash, tokenExpiry);
  return token;
}

async function seedProviderToken(
  session: Session,
  state: { known: SeedToken | null; isNew: boolean },
): Promise<SeedToken> {
  const { known, isNew } = state;
  if (known !== null && (await session.first(providerTokenExists, known.id)) !== null) return known;
  const token = known !== null && isNew ? known : newToken();
  const hash = await hashSecret(token.secret);
  await session.run(insertProviderToken, token.id, 'Operator', hash, providerPermissionNames, tokenExpiry);
  return token;
}
