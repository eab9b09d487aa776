import { readFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import { identify } from '#libs/process/identity.ts';
import { readLivePid, removePidFile, writePidFile } from '#libs/process/pid-file.ts';
import { rotateLogs } from './log-rotation.ts';
import { StatePaths } from './paths.ts';
import type { ProcessSpec } from './process-spec.ts';
import { serveControl } from './supervisor-control.ts';
import { Supervision } from './supervision.ts';

/**
 * The process that keeps a region running: `node region/supervisor.ts --state DIR`. Its children outlive it, and the next
 * one adopts them. SIGTERM ends it and nothing else.
 */
async function main(): Promise<void> {
  const { values } = parseArgs({ options: { state: { type: 'string' } } });
  if (values.state === undefined) throw new Error('usage: supervisor.ts --state DIR');
  const paths = new StatePaths(values.state);
  const log = pino({ base: { process: 'supervisor' } });
  const other = readLivePid(paths.pidOf('supervisor'));
  if (other && other.pid !== process.pid) throw new Error(`process ${other.pid} already supervises ${paths.root}`);

  const supervision = new Supervision({ run: paths.run, logs: paths.logs }, (status) =>
    log.info(
      {
        name: status.name,
        phase: status.phase,
        pid: status.pid,
        ...(status.lastError ? { lastError: status.lastError } : {}),
      },
      'process',
    ),
  );
  const reload = async (): Promise<void> =>
    supervision.apply(JSON.parse(readFileSync(paths.planFile, 'utf8')) as ProcessSpec[]);
  await reload();
  const control = await serveControl(paths.supervisorSocket, { status: () => supervision.status, reload });
  const self = identify(process.pid);
  if (self) writePidFile(paths.pidOf('supervisor'), self);

  const rotation = setInterval(() => {
    try {
      rotateLogs(paths.logs, { bytesMax: 10 * 1024 ** 2, keep: 3 });
    } catch (error) {
      log.warn({ err: error }, 'cannot put logs away');
    }
  }, 10_000);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      clearInterval(rotation);
      supervision.leave();
    });
  }
  log.info({ msg: 'ready', state: paths.root });
  await supervision.run();
  await control.close();
  removePidFile(paths.pidOf('supervisor'));
  process.exit(0);
}

await main();
