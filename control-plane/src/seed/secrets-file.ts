/** The file that says with which tokens to talk to the region. Written once, owner-readable only, read back ever after. */
import { randomUUIDv7 } from 'node:crypto';
import { readIfPresent, writeJsonAtomic } from '#libs/process/atomic-file.ts';
import { newSecret } from '../iam/secrets.ts';

export interface SeedToken {
  readonly id: string;
  readonly secret: string;
}

export interface SeedSecrets {
  readonly region: { readonly id: string; readonly name: string };
  readonly organisations: readonly {
    readonly id: string;
    readonly name: string;
    readonly tenants: readonly { readonly id: string; readonly name: string; readonly token: SeedToken }[];
  }[];
  readonly providerToken: SeedToken;
}

/** A new pair; nothing knows of it yet. */
export function newToken(): SeedToken {
  return { id: randomUUIDv7(), secret: newSecret() };
}

/** Tokens by tenant id, and the provider's, from an earlier run; empty when the file is not there. */
export interface KnownTokens {
  readonly byTenant: ReadonlyMap<string, SeedToken>;
  readonly provider: SeedToken | null;
}

/** @throws when the file is there but is not one of ours */
export function readKnownTokens(path: string): KnownTokens {
  const text = readIfPresent(path);
  if (text === null) return { byTenant: new Map(), provider: null };
  const content: unknown = JSON.parse(text);
  if (!isSeedSecrets(content))
    throw new Error(`${path} is not a secrets file of this program; move it away to get new tokens`);
  const tenants = content.organisations.flatMap((organisation) => organisation.tenants);
  return { byTenant: new Map(tenants.map(({ id, token }) => [id, token])), provider: content.providerToken };
}

export function writeSecrets(path: string, secrets: SeedSecrets): void {
  const text = `${JSON.stringify(secrets, null, 2)}\n`;
  // Left alone when nothing changed, so that its date tells when tokens last did.
  if (readIfPresent(path) !== text) writeJsonAtomic(path, secrets, { mode: 0o600 });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function isToken(value: unknown): value is SeedToken {
  return isRecord(value) && typeof value['id'] === 'string' && typeof value['secret'] === 'string';
}

function isSeedSecrets(value: unknown): value is SeedSecrets {
  if (!isRecord(value) || !isToken(value['providerToken']) || !Array.isArray(value['organisations'])) return false;
  return value['organisations'].every(
    (organisation) =>
      isRecord(organisation) &&
      Array.isArray(organisation['tenants']) &&
      organisation['tenants'].every(
        (tenant) => isRecord(tenant) && typeof tenant['id'] === 'string' && isToken(tenant['token']),
      ),
  );
}
