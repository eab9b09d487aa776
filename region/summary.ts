import type { StatePaths } from './paths.ts';
import { readSeedFile } from './seed-file.ts';
import type { SeedSecrets } from './seed-file.ts';
import type { RegionState } from './state.ts';

/** What `up --json` prints: where a region is reached and with what. */
export interface RegionSummary extends SeedSecrets {
  readonly apiUrl: string;
  readonly plainUrl: string | null;
  readonly providerUrl: string;
  readonly consoleUrl: string;
  readonly caFile: string;
  readonly region: RegionState['topology']['region'];
  readonly simulated: boolean;
  readonly stateDir: string;
}

/** Puts together how a running region is reached. */
export function summarise(paths: StatePaths, state: RegionState): RegionSummary {
  const [first] = state.controlPlanes;
  if (!first) throw new Error('the region has no control plane');
  // An unspecified address is where it listens, not where it can be reached.
  const host = ['0.0.0.0', '::'].includes(state.listenAddress) ? '127.0.0.1' : state.listenAddress;
  const apiUrl = `https://${host}:${first.tenantPort}`;
  return {
    apiUrl,
    plainUrl: first.plainPort === null ? null : `http://127.0.0.1:${first.plainPort}`,
    providerUrl: `https://${host}:${first.providerPort}`,
    consoleUrl: `${apiUrl}/`,
    caFile: `${paths.tls}/ca.pem`,
    region: state.topology.region,
    simulated: state.simulated,
    stateDir: paths.root,
    ...readSeedFile(paths.seedFile),
  };
}

/** The same for people. */
export function describe(summary: RegionSummary): string {
  const lines = [
    `Region ${summary.region.name} is ready.`,
    '',
    `  API       ${summary.apiUrl}   (CA: ${summary.caFile})`,
    ...(summary.plainUrl === null ? [] : [`  plain     ${summary.plainUrl}   (this machine only)`]),
    `  provider  ${summary.providerUrl}`,
    '',
  ];
  for (const organisation of summary.organisations) {
    for (const tenant of organisation.tenants) {
      lines.push(
        `  ${organisation.name} / ${tenant.name}`,
        `    tenant ${tenant.id}`,
        `    token  ${tenant.token.id}  secret ${tenant.token.secret}`,
      );
    }
  }
  lines.push(`  provider operator`, `    token  ${summary.providerToken.id}  secret ${summary.providerToken.secret}`);
  return lines.join('\n');
}
