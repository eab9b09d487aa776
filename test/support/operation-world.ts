/** A control plane without its listeners: seeded database, simulated agents and network, and operations run step by step. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import pg from 'pg';
import { pino } from 'pino';
import { Ledger } from '#control/activity/ledger.ts';
import type { Initiator } from '#control/activity/service.ts';
import { CatalogueService } from '#control/catalogue/service.ts';
import { Agents } from '#control/compute/agents.ts';
import type { Database } from '#control/database/database.ts';
import { instanceOperations } from '#control/instances/operations/all.ts';
import type { InstanceParts } from '#control/instances/operations/parts.ts';
import { InstancePartsService } from '#control/instances/parts-service.ts';
import { InstanceService } from '#control/instances/service.ts';
import { SimulatedNetworkDriver } from '#control/network/driver/simulated.ts';
import { reconcileArrays } from '#control/reconcile/arrays.ts';
import { seed } from '#control/seed/seed.ts';
import { runOperation, type StepMemory } from '#control/workflow/runner.ts';
import { ensureSimulatedCatalogue } from '#region/simulated/catalogue.ts';
import { serveSimulatedRegion } from '#region/simulated/serve.ts';
import type { SimulatedRegionConfig } from '#region/simulated/config.ts';
import { withDatabase } from './postgres.ts';
import { certify, layOut } from './region-files.ts';

export interface WorldOptions {
  readonly faults?: SimulatedRegionConfig['faults'];
  readonly memoryMibPerHost?: number;
  readonly poolGib?: number;
}

/** The ids a create request needs. */
export interface CatalogueIds {
  readonly zoneId: string;
  readonly familyId: string;
  readonly templateId: string;
  readonly policyId: string;
  readonly networkId: string;
}

export interface OperationWorld {
  readonly url: string;
  readonly database: Database;
  readonly parts: InstanceParts;
  readonly instances: InstanceService;
  readonly machineParts: InstancePartsService;
  readonly initiator: Initiator;
  readonly ids: CatalogueIds;
  /** Runs an activity; takes it out of the queue first when it waits. */
  run(activityId: string, memory: StepMemory): Promise<void>;
  query<T extends pg.QueryResultRow>(text: string, values?: unknown[]): Promise<T[]>;
}

/** Records nothing and repeats nothing. */
export const plainMemory: StepMemory = { step: (_name, work) => work() };

export async function operationWorld(t: TestContext, options: WorldOptions = {}): Promise<OperationWorld> {
  const dir = await mkdtemp(join(tmpdir(), 'bst-w-'));
  t.after(() => rm(dir, { recursive: true, force: true }));
  const { url, database } = await withDatabase(t);
  const { memoryMibPerHost = 64 * 1024, poolGib = 1_000, faults } = options;
  const layout = layOut(
    { hosts: 4, coresPerHost: 16, memoryMibPerHost, poolGib, latency: 'none', faults, seed: 1 },
    join(dir, 's.sock'),
  );
  const tls = (await certify(dir, ['simulated', 'control-1'])) as ReadonlyMap<string, SimulatedRegionConfig['tls']>;
  const [agentTls, controlTls] = [tls.get('simulated'), tls.get('control-1')];
  if (agentTls === undefined || controlTls === undefined) throw new Error('no certificates were made');
  const log = pino({ level: process.env['BASTIDE_TEST_LOG'] ?? 'silent' });
  const { hosts, arrays } = layout;
  const region = await serveSimulatedRegion(
    {
      socket: join(dir, 's.sock'),
      tls: agentTls,
      hosts,
      arrays,
      stateDir: null,
      latency: 'none',
      seed: 1,
      ...(faults ? { faults } : {}),
    },
    log,
  );
  t.after(() => region.close());
  const imagesDir = join(dir, 'images');
  ensureSimulatedCatalogue(imagesDir);
  await seed(database, { topology: layout.topology, secretsFile: join(dir, 'secrets', 'seed.json'), imagesDir });
  const agents = new Agents(database, controlTls);
  t.after(() => agents.close());
  await reconcileArrays({ database, agents, log });
  const parts: InstanceParts = { database, agents, network: new SimulatedNetworkDriver(), imagesDir, log };
  const catalogue = new CatalogueService(database);
  const submit = { begin: (): void => undefined, next: (): void => undefined };
  const service = { database, catalogue, submit };
  const client = new pg.Pool({ connectionString: url, max: 2 });
  t.after(() => client.end());
  const query: OperationWorld['query'] = async (text, values) => (await client.query(text, values)).rows;
  const ledger = new Ledger(database);
  const { initiator, ids } = await firstTenant(query);
  return {
    url,
    database,
    parts,
    instances: new InstanceService(service),
    machineParts: new InstancePartsService(service),
    initiator,
    ids,
    query,
    run: async (activityId, memory) => {
      await query(`update activities set state = 'running', started_at = now() where id = $1 and state = 'waiting'`, [
        activityId,
      ]);
      await runOperation(activityId, memory, { operations: instanceOperations, parts, database, ledger, log });
    },
  };
}

async function firstTenant(query: OperationWorld['query']): Promise<{ initiator: Initiator; ids: CatalogueIds }> {
  const [row] = await query<
    { tenantId: string; organisationId: string; userId: string; tokenId: string } & CatalogueIds
  >(
    `select t.id as "tenantId", t.organisation_id as "organisationId", k.user_id as "userId", k.id as "tokenId",
       (select id from zones where name = 'fr1-az01') as "zoneId", (select id from families where name = 'Development') as "familyId",
       (select id from images where name = 'Micro (test)') as "templateId", (select id from backup_policies limit 1) as "policyId",
       (select id from networks n where n.tenant_id = t.id limit 1) as "networkId"
     from tenants t join access_tokens k on k.tenant_id = t.id order by t.name limit 1`,
  );
  if (row === undefined) throw new Error('the seed made no tenant');
  const { tenantId, organisationId, userId, tokenId, ...ids } = row;
  return { initiator: { tenantId, organisationId, userId, tokenId, sourceIp: '127.0.0.1', requestId: 'test' }, ids };
}
