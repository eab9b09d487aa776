import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { readConfig } from './config.ts';
import { serveSimulatedRegion } from './serve.ts';

const log = pino({ name: 'simulated' });

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { config: { type: 'string' } } });
  if (values.config === undefined) throw new Error('usage: main.ts --config FILE');
  const config = readConfig(values.config);
  const region = await serveSimulatedRegion(config, log);
  log.info({ endpoint: region.endpoint, hosts: config.hosts.length, arrays: config.arrays.length }, 'ready');
  const stop = (): void => {
    void region.close().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'did not close in order');
        process.exit(1);
      },
    );
  };
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
}

main().catch((error: unknown) => {
  log.fatal({ err: error }, 'cannot start');
  process.exit(1);
});
