import { mkdirSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { readIfPresent, writeFileAtomic, writeJsonAtomic } from '#libs/process/atomic-file.ts';
import { readLivePid } from '#libs/process/pid-file.ts';
import { CertificateStore } from '#libs/tls/store.ts';
import { release } from './code-version.ts';
import { supervisorIdentity } from './configs.ts';
import type { AgentAccounts } from './configs.ts';
import { ensureFabric, planFabric } from './fabric.ts';
import { detectDatapath } from './host-network.ts';
import { startImageBuild } from './image-build.ts';
import { prepareOvnCentral } from './ovn.ts';
import { StatePaths } from './paths.ts';
import { buildPlan } from './plan.ts';
import type { PlanContext } from './plan.ts';
import { assertPortsFree, wantedPorts } from './ports.ts';
import { preparePostgres } from './postgres.ts';
import type { PreparedPostgres } from './postgres.ts';
import { checkMachine, checkStateFolder } from './preflight.ts';
import { Progress, seconds } from './progress.ts';
import { resolveState } from './resolve.ts';
import { ensureSimulatedCatalogue } from './simulated/catalogue.ts';
import { readState, writeState } from './state.ts';
import type { RegionState } from './state.ts';
import { summarise } from './summary.ts';
import type { RegionSummary } from './summary.ts';
import { awaitAll, superviseAnew } from './supervisor-process.ts';
import { readTopologyFile } from './topology-file.ts';
import { allHosts } from './topology.ts';
import { ensureUser } from './users.ts';
import { readVersions } from './versions.ts';

/** What `up` was asked for. */
export interface UpOptions {
  readonly stateDir: string;
  readonly simulated: boolean;
  readonly topologyFile: string | null;
}

const readyTimeoutMs = 180_000;

/**
 * Makes the region run, whatever runs of it already: prepares what is missing, hands the list of processes to the supervisor,
 * and waits until all are ready. Repeatable at any moment.
 */
export async function up(options: UpOptions): Promise<RegionSummary> {
  const progress = new Progress();
  const paths = new StatePaths(options.stateDir);
  const previous = readState(paths);
  const simulated = options.simulated || (previous?.simulated ?? false);
  progress.say(
    simulated
      ? `Bastide ${release()}: SIMULATED region in ${paths.root} (no guest runs, no packet flows)`
      : `Bastide ${release()}: region in ${paths.root}`,
  );
  if (!simulated) await progress.step('machine', checkMachine);
  const input = options.topologyFile === null ? null : readTopologyFile(options.topologyFile);
  const [datapath, versions] = simulated
    ? [null, await readVersions({ simulated })]
    : await Promise.all([detectDatapath(), readVersions({ simulated })]);
  const state = resolveState({ paths, input, previous, simulated, datapath, versions });
  await progress.step('state folder and ports', async () => {
    checkStateFolder(paths, state.topology, {
      sharedWithAccounts: process.getuid?.() === 0,
      kind: previous ? 'again' : simulated ? 'simulated' : 'real',
    });
    await assertPortsFree(wantedPorts(state), state.listenAddress, ourProcesses(paths, state));
    makeFolders(paths);
    ensureTokenKey(paths);
    writeState(paths, state);
  });

  if (simulated) ensureSimulatedCatalogue(paths.images);
  const context = await (simulated ? prepareBase : prepareReal)(progress, { paths, state });
  await progress.step(
    'processes',
    async () => {
      writeJsonAtomic(paths.planFile, await buildPlan(context), { mode: 0o600 });
      return superviseAnew(paths);
    },
    (how) => (how === 'reloaded' ? 'the region was running: what changed or died is started again' : null),
  );
  await awaitAll(paths, {
    timeoutMs: readyTimeoutMs,
    onReady: ({ name, tookMs }) =>
      progress.say(`    ${name.padEnd(32)} ${tookMs === null ? ' runs already' : seconds(tookMs)}`),
  });
  progress.say(`  ready after ${progress.elapsed}`);
  return summarise(paths, state);
}

async function prepareBase(
  progress: Progress,
  { paths, state }: { paths: StatePaths; state: RegionState },
): Promise<PlanContext> {
  const certificates = await progress.step('certificates', () =>
    CertificateStore.open(paths.tls, paths.secrets, `Bastide ${state.topology.region.name} ${state.tag}`),
  );
  const postgres = await progress.step('database', () => prepareDatabase(paths, state));
  return {
    paths,
    state,
    certificates,
    identity: await supervisorIdentity(certificates),
    postgres,
    databaseUrl: postgres?.url ?? externalDatabase(paths) ?? '',
  };
}

async function prepareReal(
  progress: Progress,
  { paths, state }: { paths: StatePaths; state: RegionState },
): Promise<PlanContext> {
  const accounts = await progress.step('system users', ensureAccounts);
  // Images take longest when they must be built: the database is made meanwhile. Nothing is started, and nothing
  // outside the state folder is made, before they are there: a build that fails leaves no half region.
  await using images = startImageBuild(paths.root);
  const imagesStep = progress.step('images', () => images.done);
  imagesStep.catch(() => undefined);
  const base = await prepareBase(progress, { paths, state });
  const fabric = planFabric(
    state.tag,
    state.underlayPrefix,
    allHosts(state.topology).map(({ host }) => host.name),
  );
  await imagesStep;
  const [ovn] = await progress.step('network namespaces and OVN', () =>
    Promise.all([prepareOvnCentral({ dir: paths.ovn, runDir: paths.ovnSockets }), ensureFabric(fabric)]),
  );
  return { ...base, accounts, ovn, fabric, northbound: ovn.northbound };
}

async function prepareDatabase(paths: StatePaths, state: RegionState): Promise<PreparedPostgres | null> {
  if (externalDatabase(paths) !== null) return null;
  return preparePostgres({
    dir: paths.postgres,
    socketDir: paths.postgresSocket,
    runtimeDir: paths.runtime,
    passwordFile: `${paths.secrets}/postgres.password`,
    logFile: paths.logOf('postgres'),
    ...(state.databasePort === null ? {} : { port: state.databasePort }),
  });
}

/** The server an operator named in DATABASE_URL; remembered, so that a later `up` without the variable means the same one. */
function externalDatabase(paths: StatePaths): string | null {
  const file = `${paths.secrets}/database-url`;
  const named = process.env['DATABASE_URL'];
  if (named) writeFileAtomic(file, `${named}\n`, { mode: 0o600 });
  return readIfPresent(file)?.trim() ?? null;
}

async function ensureAccounts(): Promise<AgentAccounts> {
  await ensureUser('bastide-db');
  return { vm: await ensureUser('bastide-vm'), san: await ensureUser('bastide-san') };
}

function makeFolders(paths: StatePaths): void {
  for (const folder of [paths.run, paths.tls, paths.images, paths.runtime, paths.logs])
    mkdirSync(folder, { recursive: true, mode: 0o755 });
  for (const folder of [paths.secrets, paths.poolKeys, paths.config])
    mkdirSync(folder, { recursive: true, mode: 0o700 });
}

/** The key that tokens are signed with: one line, 32 random bytes in base64. More lines may be added to replace it. */
function ensureTokenKey(paths: StatePaths): void {
  if (readIfPresent(paths.tokenKey) === null)
    writeFileAtomic(paths.tokenKey, `${randomBytes(32).toString('base64')}\n`, { mode: 0o600 });
}

/** Processes of this region that may hold its ports. */
function ourProcesses(paths: StatePaths, state: RegionState): Set<number> {
  const names = ['postgres', ...state.controlPlanes.map(({ name }) => name)];
  return new Set(names.flatMap((name) => readLivePid(paths.pidOf(name))?.pid ?? []));
}
