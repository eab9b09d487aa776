import { readIfPresent } from '#libs/process/atomic-file.ts';

/** A personal access token. */
export interface Token {
  readonly id: string;
  readonly secret: string;
}

/** What the seed made: who may do what at first. */
export interface SeedSecrets {
  readonly organisations: readonly {
    readonly id: string;
    readonly name: string;
    readonly tenants: readonly { readonly id: string; readonly name: string; readonly token: Token }[];
  }[];
  readonly providerToken: Token;
}

/** Reads the file that the seed writes. @throws Error when it is missing or incomplete */
export function readSeedFile(path: string): SeedSecrets {
  const content = readIfPresent(path);
  if (content === null) throw new Error(`${path} is missing: the seed has not run; ./bastide up runs it`);
  const { organisations, providerToken } = JSON.parse(content) as Partial<SeedSecrets>;
  if (!Array.isArray(organisations) || !providerToken) throw new Error(`${path} is incomplete`);
  return { organisations: organisations as SeedSecrets['organisations'], providerToken };
}
