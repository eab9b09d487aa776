import { join } from 'node:path';
import { isAlive } from '#libs/process/identity.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { run } from '#libs/process/run.ts';
import { spawnDetached } from '#libs/process/spawn.ts';
import type { DetachedProcess } from '#libs/process/spawn.ts';
import { terminate } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { commandLine } from './process-spec.ts';
import type { JobSpec, ProcessSpec, ServiceSpec } from './process-spec.ts';
import { probe } from './ready.ts';

/** A service that ended, or did not serve in time, while it was being started. */
export class StartFailed extends Error {
  override name = 'StartFailed';
}

/** Starts a service; its output goes to `<logDir>/<name>.log`. It outlives us. */
export async function spawnService(spec: ServiceSpec, logDir: string): Promise<DetachedProcess> {
  return spawnDetached({
    argv: commandLine(spec),
    logFile: join(logDir, `${spec.name}.log`),
    cwd: spec.cwd ?? '/',
    ...(spec.env ? { env: spec.env } : {}),
    ...(spec.uid === undefined ? {} : { uid: spec.uid }),
    ...(spec.gid === undefined ? {} : { gid: spec.gid }),
  });
}

/** Waits until a service serves. @throws StartFailed when it ends or its time is over. */
export async function awaitReady(spec: ServiceSpec, identity: ProcessIdentity, signal?: AbortSignal): Promise<void> {
  let reason: string | null = null;
  try {
    await waitFor(
      async () => {
        if (!isAlive(identity)) throw new StartFailed(`${spec.name} ended while starting`);
        reason = await probe(spec.ready);
        return reason === null;
      },
      {
        what: `${spec.name} to be ready`,
        timeoutMs: spec.readyTimeoutMs,
        intervalMs: 40,
        ...(signal ? { signal } : {}),
      },
    );
  } catch (cause) {
    if (cause instanceof StartFailed || signal?.aborted) throw cause;
    throw new StartFailed(`${spec.name} is not ready after ${spec.readyTimeoutMs / 1000} s: ${reason ?? 'no answer'}`, {
      cause,
    });
  }
}

/** Runs a job to its end. @throws CommandFailed */
export async function runJob(spec: JobSpec): Promise<string> {
  return run(commandLine(spec), {
    cwd: spec.cwd ?? '/',
    timeoutMs: spec.timeoutMs,
    ...(spec.env ? { env: spec.env } : {}),
    ...(spec.uid === undefined ? {} : { uid: spec.uid }),
    ...(spec.gid === undefined ? {} : { gid: spec.gid }),
  });
}

/** Ends a service the way it wants to be ended. */
export async function stopService(spec: ServiceSpec, identity: ProcessIdentity): Promise<void> {
  if (spec.stop.argv && isAlive(identity)) {
    // When its control socket is dead the signal does it.
    const asked = await run(spec.stop.argv, { timeoutMs: spec.stop.graceMs }).then(
      () => true,
      () => false,
    );
    if (asked) {
      const ended = await waitFor(() => !isAlive(identity), {
        what: 'end',
        timeoutMs: spec.stop.graceMs,
        intervalMs: 20,
      }).catch(() => false);
      if (ended) return;
    }
  }
  await terminate(identity, { graceMs: spec.stop.graceMs, ...(spec.stop.signal ? { signal: spec.stop.signal } : {}) });
}

/** Starts services and runs jobs one after the other in this order; answers how to stop them. Without respawn. */
export async function startAll(specs: readonly ProcessSpec[], logDir: string): Promise<() => Promise<void>> {
  const started: { spec: ServiceSpec; identity: ProcessIdentity }[] = [];
  const stop = async (): Promise<void> => {
    for (const { spec, identity } of started.toReversed()) await stopService(spec, identity);
  };
  try {
    for (const spec of specs) {
      if (spec.kind === 'job') {
        await runJob(spec);
        continue;
      }
      const identity = await spawnService(spec, logDir);
      started.push({ spec, identity });
      await awaitReady(spec, identity);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  return stop;
}
