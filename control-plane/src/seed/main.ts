/** `node seed/main.ts --config FILE --topology FILE --secrets FILE`: migrates the database and seeds the region. */
import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { type Logger, pino } from 'pino';
import type { Topology } from '#region/topology.ts';
import { Database } from '../database/database.ts';
import { migrate } from '../database/migrate.ts';
import { seed } from './seed.ts';

/** The members of the control plane's configuration that the seed needs. */
interface SeedConfig {
  readonly database: { readonly url: string };
  readonly imagesDir: string;
}

async function readJson(path: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new Error(`cannot read ${path}`, { cause });
  }
}

function option(value: string | undefined, name: string): string {
  if (value === undefined) throw new Error(`--${name} FILE is missing`);
  return value;
}

async function main(log: Logger): Promise<void> {
  const text = { type: 'string' } as const;
  const { values } = parseArgs({ options: { config: text, topology: text, secrets: text } });
  const config = (await readJson(option(values.config, 'config'))) as SeedConfig;
  const topology = (await readJson(option(values.topology, 'topology'))) as Topology;
  const secretsFile = option(values.secrets, 'secrets');
  const migrations = await migrate(config.database.url);
  const database = new Database({ url: config.database.url, tenantConnections: 1, platformConnections: 1 });
  try {
    const report = await seed(database, { topology, secretsFile, imagesDir: config.imagesDir });
    for (const tenant of report.renewedTokens)
      log.warn({ tenant }, 'the secrets file had no valid token of this tenant: a new one was made');
    log.info({ migrations, published: report.published }, 'seeded');
  } finally {
    await database.close();
  }
}

const log = pino({ name: 'seed' });
try {
  await main(log);
} catch (error) {
  log.fatal({ err: error }, 'the region was not seeded');
  process.exitCode = 1;
}
