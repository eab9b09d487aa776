import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { AgentContract } from '#libs/agent-http/contract.ts';
import { serveAgent } from '#libs/agent-http/server.ts';
import { identify } from '#libs/process/identity.ts';
import { readLivePid, removePidFile, writePidFile } from '#libs/process/pid-file.ts';
import { run } from '#libs/process/run.ts';
import { loadConfig } from './config.ts';
import { FilePoolKeys } from './qsd/pool-keys.ts';
import { QsdArray } from './qsd/qsd-array.ts';
import { arrayRoutes } from './routes.ts';

const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (values.config === undefined) throw new Error('usage: main.ts --config FILE');
const config = await loadConfig(values.config);
const log = pino({ name: config.name, level: config.logLevel ?? 'info' });

const pidFile = join(config.runDir, 'agent.pid');
await mkdir(config.runDir, { recursive: true, mode: 0o711 });
claim();
const driver = await QsdArray.open({
  id: config.id,
  name: config.name,
  version: await version(),
  stateDir: config.stateDir,
  runDir: config.runDir,
  capacityBytes: config.capacityBytes,
  keys: new FilePoolKeys(config.keysDir),
  qsd: config.qsd,
  log,
});
const server = await serveAgent({
  endpoint: config.endpoint,
  tls: config.tls,
  routes: arrayRoutes(driver),
  contract: await AgentContract.load(new URL('../../contract/agents/array.yaml', import.meta.url)),
  log,
});
log.info({ endpoint: server.endpoint }, 'ready');

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void stop();
  });
}

async function stop(): Promise<void> {
  await server.close();
  await driver.close();
  removePidFile(pidFile);
  process.exit(0);
}

/** Two agents on one array would take each other's daemons for wedged ones and end them. */
function claim(): void {
  const other = readLivePid(pidFile);
  if (other !== null && other.pid !== process.pid) throw new Error(`process ${other.pid} already serves this array`);
  const self = identify(process.pid);
  if (self !== null) writePidFile(pidFile, self);
}

async function version(): Promise<string> {
  const text = await run([config.qsd.binary, '--version'], { timeoutMs: 10_000 });
  const daemon = /version (\S+)/.exec(text)?.[1] ?? 'unknown';
  return `0.1.0 (qemu-storage-daemon ${daemon})`;
}
