/** The control-plane process: `node main.ts --config FILE`. */
import { pino } from 'pino';
import { startControlPlane } from './app.ts';
import { readConfig } from './config.ts';

const config = readConfig(process.argv);
const log = pino({
  name: config.name,
  level: config.logLevel,
  redact: {
    paths: ['*.secret', '*.password', '*.authorization', 'headers.authorization', '*.userData'],
    censor: '(redacted)',
  },
});

const stop = await startControlPlane(config, log);
log.info({ listeners: config.listeners, pid: process.pid }, 'ready');

/** Past this the supervisor would kill us anyway, and every operation is safe to be cut off. */
const patienceMs = 4_500;
let stopping = false;
for (const signal of ['SIGTERM', 'SIGINT'] as const)
  process.on(signal, () => {
    if (stopping) return;
    stopping = true;
    log.info({ signal }, 'stopping');
    setTimeout(() => process.exit(0), patienceMs).unref();
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        log.error({ err: error }, 'stopping failed');
        process.exit(1);
      },
    );
  });
