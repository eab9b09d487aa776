import { fileURLToPath } from 'node:url';
import { readLivePid } from '#libs/process/pid-file.ts';
import { spawnDetached } from '#libs/process/spawn.ts';
import { terminate } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { isAlive } from '#libs/process/identity.ts';
import type { StatePaths } from './paths.ts';
import type { ProcessStatus } from './supervised.ts';
import { askSupervisor } from './supervisor-control.ts';

/** Has the supervisor take the plan: the one that runs, or a new one. Answers whether it was running. */
export async function superviseAnew(paths: StatePaths): Promise<'reloaded' | 'started'> {
  if (readLivePid(paths.pidOf('supervisor'))) {
    await askSupervisor(paths.supervisorSocket, 'reload');
    return 'reloaded';
  }
  const script = fileURLToPath(new URL('supervisor.ts', import.meta.url));
  const supervisor = await spawnDetached({
    argv: [process.execPath, script, '--state', paths.root],
    logFile: paths.logOf('supervisor'),
    cwd: '/',
    env: {
      PATH: process.env['PATH'],
      LANG: 'C.UTF-8',
      TZ: 'UTC',
      NODE_COMPILE_CACHE: `${paths.runtime}/compile-cache`,
    },
  });
  await waitFor(
    () => {
      if (!isAlive(supervisor))
        throw new Error(`the supervisor ended while starting; see ${paths.logOf('supervisor')}`);
      return readLivePid(paths.pidOf('supervisor')) !== null;
    },
    { what: 'the supervisor', timeoutMs: 60_000 },
  );
  return 'started';
}

/** Follows the processes until all are ready, telling each that becomes so. @throws Error naming what is not and why */
export async function awaitAll(
  paths: StatePaths,
  options: { timeoutMs: number; onReady: (status: ProcessStatus) => void },
): Promise<void> {
  const told = new Set<string>();
  let last: readonly ProcessStatus[] = [];
  try {
    await waitFor(
      async () => {
        last = await askSupervisor(paths.supervisorSocket, 'status');
        for (const status of last) {
          if (!isSatisfied(status) || told.has(status.name)) continue;
          told.add(status.name);
          options.onReady(status);
        }
        // Something that fails again and again will not come right by waiting.
        const hopeless = last.find((status) => status.phase === 'backoff' && status.restarts >= 5);
        if (hopeless)
          throw new Error(
            `${hopeless.name} does not start: ${hopeless.lastError ?? 'no reason given'}; see ${paths.logOf(hopeless.name)}`,
          );
        return last.length > 0 && last.every(isSatisfied);
      },
      { what: 'every process', timeoutMs: options.timeoutMs, intervalMs: 100 },
    );
  } catch (cause) {
    if (!(cause instanceof Error) || cause.name !== 'WaitTimeout') throw cause;
    const missing = last
      .filter((status) => !isSatisfied(status))
      .map((status) => `${status.name} (${status.phase}${status.lastError ? `: ${status.lastError}` : ''})`);
    throw new Error(`not ready after ${options.timeoutMs / 1000} s: ${missing.join(', ')}; logs are in ${paths.logs}`, {
      cause,
    });
  }
}

/** Ends the supervisor; what it supervises runs on. */
export async function dismissSupervisor(paths: StatePaths): Promise<void> {
  const supervisor = readLivePid(paths.pidOf('supervisor'));
  if (supervisor) await terminate(supervisor, { graceMs: 5_000 });
}

function isSatisfied(status: ProcessStatus): boolean {
  return status.phase === 'ready' || status.phase === 'done';
}
