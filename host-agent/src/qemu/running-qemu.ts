import { existsSync, readFileSync, rmSync } from 'node:fs';
import { QmpClient, QmpUnavailable } from '#libs/qmp/client.ts';
import type { QmpEvent } from '#libs/qmp/client.ts';
import { isAlive } from '#libs/process/identity.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { spawnDetached } from '#libs/process/spawn.ts';
import { send } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { QEMU_ENVIRONMENT, unprivileged } from './unprivileged.ts';
import type { QemuUser } from './unprivileged.ts';

/** QEMU ended before its monitor answered; `detail` is the end of what it printed. */
export class QemuStartFailed extends Error {
  override name = 'QemuStartFailed';
}

/** What a running QEMU tells: guest power events and its own end. */
export interface QemuListener {
  /** Any QMP event but the end. */
  onEvent(event: QmpEvent): void;
  /** The process is gone; `byGuest` when the guest had powered itself off. Called once. */
  onEnd(byGuest: boolean): void;
}

const START_DEADLINE_MS = 60_000;
const CONNECT_TIMEOUT_MS = 10_000;
const QUIT_GRACE_MS = 3_000;
/** A monitor that closes tells of the end at once; this finds an end whose monitor had been lost before. */
const LOOK_MS = 1_000;
const STDERR_TAIL_BYTES = 2_000;

/** One QEMU process that outlives us, seen through its monitor. */
export class RunningQemu {
  readonly identity: ProcessIdentity;
  readonly #path: string;
  readonly #listener: QemuListener;
  #qmp: QmpClient;
  #byGuest = false;
  #ended = false;
  #released = false;
  #look: NodeJS.Timeout;

  private constructor(identity: ProcessIdentity, qmp: QmpClient, wiring: { path: string; listener: QemuListener }) {
    this.identity = identity;
    this.#path = wiring.path;
    this.#listener = wiring.listener;
    this.#qmp = qmp;
    this.#wire(qmp);
    this.#look = setInterval(() => this.#check(), LOOK_MS);
    this.#look.unref();
  }

  /**
   * Starts QEMU and waits for its monitor. `onSpawn` runs before the guest does much: remember the process, put it into its group.
   * @throws QemuStartFailed with the end of what QEMU printed; the process is then gone
   */
  static async launch(options: {
    readonly argv: readonly [string, ...string[]];
    readonly user: QemuUser;
    readonly qmpPath: string;
    readonly logFile: string;
    readonly listener: QemuListener;
    readonly signal: AbortSignal;
    readonly onSpawn: (identity: ProcessIdentity) => void;
  }): Promise<RunningQemu> {
    rmSync(options.qmpPath, { force: true });
    rmSync(options.logFile, { force: true });
    const { pid, startTime } = await spawnDetached({
      argv: unprivileged(options.user, options.argv),
      logFile: options.logFile,
      env: QEMU_ENVIRONMENT,
      cwd: '/',
    });
    const identity = { pid, startTime };
    try {
      options.onSpawn(identity);
      await waitFor(
        () => {
          if (!isAlive(identity))
            throw new QemuStartFailed(lastLines(options.logFile) || 'QEMU ended at once without a word');
          return existsSync(options.qmpPath);
        },
        { what: 'the QEMU monitor', timeoutMs: START_DEADLINE_MS, intervalMs: 5, signal: options.signal },
      );
      const qmp = await connect(options.qmpPath, identity, options.signal);
      return new RunningQemu(identity, qmp, { path: options.qmpPath, listener: options.listener });
    } catch (error) {
      const died = !isAlive(identity);
      await killNow(identity);
      if (error instanceof QmpUnavailable && died)
        throw new QemuStartFailed(lastLines(options.logFile) || error.message, { cause: error });
      throw error;
    }
  }

  /** Takes over a QEMU that an earlier agent started. @throws QmpUnavailable when its monitor does not answer */
  static async adopt(
    identity: ProcessIdentity,
    wiring: { path: string; listener: QemuListener },
  ): Promise<RunningQemu> {
    const qmp = await QmpClient.connect(wiring.path, { timeoutMs: CONNECT_TIMEOUT_MS });
    return new RunningQemu(identity, qmp, wiring);
  }

  /** Acts on a power-off of the guest that came while no agent looked. */
  async noticeShutdown(): Promise<void> {
    const { status } = await this.#qmp.execute<{ status: string }>('query-status');
    if (status === 'shutdown') this.#guestShutDown();
  }

  /** Runs a monitor command. @throws QmpError, QmpUnavailable */
  async execute<T = unknown>(command: string, args?: object): Promise<T> {
    return await this.#qmp.execute<T>(command, args);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Presses the ACPI power button. A monitor that does not answer is one that ends, or will be killed. */
  async pressPowerButton(): Promise<void> {
    await this.#qmp.execute('system_powerdown').catch(() => undefined);
  }

  /** Whether the guest has opened the channel behind a character device. */
  async isChannelOpen(label: string): Promise<boolean> {
    const devices = await this.execute<{ label: string; 'frontend-open': boolean }[]>('query-chardev');
    return devices.some((device) => device.label === label && device['frontend-open']);
  }

  /** Ends QEMU at once: flushes through its monitor when it can, else SIGKILL. Resolves when it is gone. */
  async kill(): Promise<void> {
    if (this.#ended) return;
    // quit waits for I/O under way, which is for ever when the storage daemon is gone.
    await this.#qmp.execute('quit', undefined, { timeoutMs: QUIT_GRACE_MS }).catch(() => undefined);
    await waitFor(() => !isAlive(this.identity), {
      what: 'QEMU to quit',
      timeoutMs: QUIT_GRACE_MS,
      intervalMs: 5,
    }).catch(() => undefined);
    await killNow(this.identity);
    this.#check();
  }

  /** Lets go of the process without ending it. */
  release(): void {
    this.#released = true;
    clearInterval(this.#look);
    this.#qmp.close();
  }

  #wire(qmp: QmpClient): void {
    qmp.on('event', (event) => this.#event(event));
    qmp.on('close', () => void this.#monitorClosed());
  }

  #event(event: QmpEvent): void {
    // Other reasons (a signal, our own quit) are told apart by who asked for them.
    if (event.event === 'SHUTDOWN' && event.data['guest'] === true) this.#guestShutDown();
    else this.#listener.onEvent(event);
  }

  #guestShutDown(): void {
    this.#byGuest = true;
    // -no-shutdown keeps QEMU standing until it is told.
    void this.kill();
  }

  async #monitorClosed(): Promise<void> {
    if (this.#released || this.#ended) return;
    try {
      await waitFor(() => !isAlive(this.identity), { what: 'QEMU to end', timeoutMs: 1_000, intervalMs: 5 });
    } catch {
      // It lives but its monitor hung up on us.
      if (this.#released || this.#ended) return;
      const again = await QmpClient.connect(this.#path, { timeoutMs: CONNECT_TIMEOUT_MS }).catch(() => null);
      if (again !== null) {
        this.#qmp = again;
        this.#wire(again);
        return;
      }
      setTimeout(() => void this.#monitorClosed(), LOOK_MS).unref();
      return;
    }
    this.#check();
  }

  #check(): void {
    if (this.#ended || this.#released || isAlive(this.identity)) return;
    this.#ended = true;
    clearInterval(this.#look);
    this.#qmp.close();
    this.#listener.onEnd(this.#byGuest);
  }
}

/** The end of what a QEMU printed. */
export function lastLines(logFile: string): string {
  if (!existsSync(logFile)) return '';
  const text = readFileSync(logFile, 'utf8').slice(-STDERR_TAIL_BYTES);
  return text.trim().split('\n').slice(-5).join('\n');
}

/** SIGKILL to exactly this process; resolves when it is gone. */
export async function killNow(identity: ProcessIdentity): Promise<void> {
  send(identity, 'SIGKILL');
  await waitFor(() => !isAlive(identity), { what: `process ${identity.pid} to end`, timeoutMs: 10_000, intervalMs: 5 });
}

async function connect(path: string, identity: ProcessIdentity, signal: AbortSignal): Promise<QmpClient> {
  // The socket's name is there a moment before QEMU listens on it; and QEMU answers only once its devices are up.
  return await waitFor(
    async () => {
      if (!isAlive(identity)) throw new QmpUnavailable('QEMU ended while it started');
      return await QmpClient.connect(path, { timeoutMs: START_DEADLINE_MS, signal }).catch((error: unknown) => {
        if (error instanceof QmpUnavailable && isRefused(error)) return null;
        throw error;
      });
    },
    { what: 'the QEMU monitor', timeoutMs: START_DEADLINE_MS, intervalMs: 5, signal },
  );
}

function isRefused(error: Error): boolean {
  const code = (error.cause as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ECONNREFUSED' || code === 'ENOENT' || code === 'ECONNRESET';
}
