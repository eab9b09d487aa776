/** The control plane put together: capabilities, operations, listeners, reconcilers. */
import type { Logger } from 'pino';
import { reply } from '#libs/contract-runtime/call.ts';
import { activityHandlers } from './activity/routes.ts';
import { ActivityService } from './activity/service.ts';
import { TaskService } from './activity/tasks.ts';
import { Ledger } from './activity/ledger.ts';
import { catalogueHandlers } from './catalogue/routes.ts';
import { CatalogueService } from './catalogue/service.ts';
import { Agents } from './compute/agents.ts';
import type { ControlPlaneConfig } from './config.ts';
import { Database } from './database/database.ts';
import { migrate } from './database/migrate.ts';
import { openListeners } from './http/listeners.ts';
import { Metrics } from './http/metrics.ts';
import { createAuthenticator, createProviderAuthenticator } from './iam/authenticator.ts';
import { loadJwtKeys } from './iam/jwt.ts';
import { iamHandlers } from './iam/routes.ts';
import { instanceOperations } from './instances/operations/all.ts';
import { GuestService } from './guests/service.ts';
import { InstancePartsService } from './instances/parts-service.ts';
import { instanceHandlers } from './instances/routes.ts';
import { InstanceService } from './instances/service.ts';
import { marketplaceHandlers } from './marketplace/routes.ts';
import { createNetworkDriver } from './network/driver/create.ts';
import { providerHandlers } from './provider/routes.ts';
import { reconcile } from './reconcile/reconcile.ts';
import { tagHandlers } from './tags/routes.ts';
import { Engine, migrateEngine } from './workflow/engine.ts';
import { runOperation } from './workflow/runner.ts';

const version = '0.1.0';

/** Starts everything. @returns how to stop it: listeners first, then the operations under way get a moment to reach a step's end */
export async function startControlPlane(config: ControlPlaneConfig, log: Logger): Promise<() => Promise<void>> {
  const { url } = config.database;
  const applied = await migrate(url, () => migrateEngine(url));
  if (applied.length > 0) log.info({ applied }, 'database migrated');
  const database = new Database({ url, onError: (error) => log.warn({ err: error }, 'lost a database connection') });
  const agents = new Agents(database, config.agents);
  const network = createNetworkDriver(config.network);
  const ledger = new Ledger(database);
  const clock = { now: (): Date => new Date() };
  const operationParts = { database, agents, network, imagesDir: config.imagesDir, log };
  const engine = new Engine({
    databaseUrl: url,
    database,
    replica: config.name,
    log,
    run: (activityId, memory) =>
      runOperation(activityId, memory, {
        operations: instanceOperations,
        parts: operationParts,
        database,
        ledger,
        log,
      }),
  });
  const submit = {
    begin: (activityId: string): void => engine.kick(engine.begin(activityId, 1)),
    next: (resourceId: string): void => engine.kick(engine.dispatch(resourceId)),
  };
  ledger.onEnded(submit.next);
  await engine.start();

  const keys = await loadJwtKeys(config.jwtKeyFile);
  const catalogue = new CatalogueService(database);
  const instanceParts = { database, catalogue, submit };
  const authenticate = createAuthenticator({ database, keys, clock });
  const metrics = new Metrics();
  const closeListeners = await openListeners({
    config,
    log,
    metrics,
    tenant: {
      authenticate,
      handlers: {
        ...iamHandlers({ database, keys, clock, forgetToken: authenticate.forget }),
        ...tagHandlers({ database }),
        ...marketplaceHandlers({ catalogue }),
        ...catalogueHandlers({ catalogue }),
        ...activityHandlers({ activities: new ActivityService(database, ledger), tasks: new TaskService(database) }),
        ...instanceHandlers({
          instances: new InstanceService(instanceParts),
          parts: new InstancePartsService(instanceParts),
          guests: new GuestService(database, agents),
        }),
      },
    },
    provider: {
      authenticate: createProviderAuthenticator({ database, keys, clock }),
      handlers: {
        ...providerHandlers({
          database,
          catalogue,
          keys,
          clock,
          imagesDir: config.imagesDir,
          name: config.name,
          version,
        }),
        getMetrics: async () =>
          reply.text(await metrics.text(), { contentType: 'text/plain; version=0.0.4; charset=utf-8' }),
      },
    },
  });

  const stopping = new AbortController();
  const reconciling = reconcile(
    { database, databaseUrl: url, agents, network, engine, log, replica: { name: config.name, version } },
    stopping.signal,
  );
  return async () => {
    await closeListeners();
    stopping.abort();
    await reconciling;
    await engine.stop();
    await network.close();
    agents.close();
    await database.close();
  };
}
