import { pino } from 'pino';
import { AgentContract } from '#libs/agent-http/contract.ts';
import { serveAgent } from '#libs/agent-http/server.ts';
import { readConfig } from './config.ts';
import { QemuHost } from './qemu/qemu-host.ts';
import { hostRoutes } from './routes.ts';

/** How long a clean end may take; the supervisor expects 5 s. */
const EXIT_DEADLINE_MS = 4_500;

const log = pino({ name: 'host-agent' });
const config = readConfig(process.argv.slice(2));
const contract = await AgentContract.load(new URL('../../contract/agents/host.yaml', import.meta.url));
const driver = await QemuHost.open(config, log);
const server = await serveAgent({
  endpoint: config.endpoint,
  tls: config.tls,
  routes: hostRoutes(driver),
  contract,
  log,
});
const { accelerator, hypervisor, machineCount, problems } = await driver.host();
log.info({ host: config.name, endpoint: server.endpoint, accelerator, hypervisor, machineCount, problems }, 'ready');

let ending = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.on(signal, () => {
    if (ending) return;
    ending = true;
    setTimeout(() => process.exit(0), EXIT_DEADLINE_MS).unref();
    // Guests run on: the next agent finds them.
    void driver
      .close()
      .then(() => server.close())
      .finally(() => process.exit(0));
  });
}
