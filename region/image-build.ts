import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** A build of the catalogue images that runs beside other work. Disposing of it ends what still runs. */
export interface ImageBuild extends AsyncDisposable {
  /** Settles when all are there; rejects when one could not be built. */
  readonly done: Promise<void>;
}

const builderScript = fileURLToPath(new URL('../images/cli.ts', import.meta.url));

/**
 * Starts to build the catalogue images that are missing; the builder tells its own progress on standard error. Debian is
 * not booted for a check here: the micro image is, and the first guest shows the rest (docs/images.md).
 */
export function startImageBuild(stateDir: string): ImageBuild {
  // What a build mounts goes away with its mount namespace, however it ends.
  const namespace = ['--mount', '--propagation', 'private', '--'];
  const command = [process.execPath, builderScript, 'build', '--missing', '--no-boot-check', '--state', stateDir];
  // A process group of its own: the package tools it runs end with it.
  const builder = spawn('unshare', [...namespace, ...command], { stdio: ['ignore', 'ignore', 2], detached: true });
  const ended = once(builder, 'exit') as Promise<[number | null]>;
  ended.catch(() => undefined);
  const stop = (): void => {
    if (builder.pid !== undefined && builder.exitCode === null && builder.signalCode === null)
      process.kill(-builder.pid, 'SIGTERM');
  };
  const interrupted = (): void => {
    stop();
    process.exit(130);
  };
  const signals = ['SIGINT', 'SIGTERM'] as const;
  for (const signal of signals) process.once(signal, interrupted);
  const done = ended
    .then(([status]) => {
      if (status !== 0) throw new Error('the images could not be built (see above); nothing was started');
    })
    .finally(() => {
      for (const signal of signals) process.off(signal, interrupted);
    });
  done.catch(() => undefined);
  return {
    done,
    [Symbol.asyncDispose]: async () => {
      stop();
      await done.catch(() => undefined);
    },
  };
}
