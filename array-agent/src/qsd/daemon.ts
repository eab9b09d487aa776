import { chmod, chown, mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { AgentLog } from '#libs/agent-http/server.ts';
import { identify, isAlive } from '#libs/process/identity.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { readLivePid, removePidFile, writePidFile } from '#libs/process/pid-file.ts';
import { spawnDetached } from '#libs/process/spawn.ts';
import { terminate } from '#libs/process/terminate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { QmpClient, QmpUnavailable } from '#libs/qmp/client.ts';
import { childUser } from './config.ts';
import type { QsdOptions } from './config.ts';
import { limitGroup } from './exports.ts';

const startTimeoutMs = 10_000;
const connectTimeoutMs = 1_000;
/** A wedged daemon is told from a busy one by this: nothing it does for us takes so long. */
const adoptTimeoutMs = 3_000;
const retryPauseMs = 20;
const restartPauseMaxMs = 5_000;
/** How long a command waits for a daemon that keeps dying. */
const patienceMs = 15_000;

export interface DaemonOptions {
  readonly qsd: QsdOptions;
  /** Runtime folder of this daemon alone: sockets, pid file, log. */
  readonly folder: string;
  readonly log: AgentLog;
  /** Brings a daemon, new or adopted, to what it should serve; runs before any other command. */
  readonly prepare: (qmp: QmpClient, how: 'started' | 'adopted') => Promise<void>;
}

/**
 * One qemu-storage-daemon that outlives this process, is adopted by the next one, and is started again with all it
 * served as soon as it dies.
 */
export class StorageDaemon {
  readonly #options: DaemonOptions;
  #qmp: Promise<QmpClient> | undefined;
  #identity: ProcessIdentity | undefined;
  #closed = false;
  #failure: string | undefined;
  readonly #ended = new AbortController();

  constructor(options: DaemonOptions) {
    this.#options = options;
  }

  /** Why the daemon is not serving; undefined when it is. */
  get failure(): string | undefined {
    return this.#failure;
  }

  get pid(): number | undefined {
    return this.#identity?.pid;
  }

  /** Adopts the running daemon or starts one. @throws when neither works; it is then tried again by `run` */
  async start(): Promise<void> {
    await this.#connected();
  }

  /**
   * Runs commands once the daemon is there, and again when it died meanwhile: `work` must be repeatable.
   * @throws QmpError what the daemon refused; QmpUnavailable when the daemon cannot be brought back
   */
  async run<T>(work: (qmp: QmpClient) => Promise<T>): Promise<T> {
    const deadline = performance.now() + patienceMs;
    for (;;) {
      try {
        return await work(await this.#connected());
      } catch (error) {
        if (!(error instanceof QmpUnavailable) || this.#closed || performance.now() > deadline) throw error;
      }
      await delay(retryPauseMs);
    }
  }

  /** Lets go of the daemon, which goes on serving. */
  async release(): Promise<void> {
    this.#closed = true;
    this.#ended.abort();
    const qmp = await this.#qmp?.catch(() => undefined);
    qmp?.close();
  }

  /** Ends the daemon and removes its runtime folder. */
  async stop(): Promise<void> {
    await this.release();
    const identity = this.#identity ?? (await this.#running());
    if (identity !== undefined) await terminate(identity, { graceMs: 2_000 });
    removePidFile(this.#pidFile);
    await rm(this.#options.folder, { recursive: true, force: true });
  }

  get #pidFile(): string {
    return join(this.#options.folder, 'qsd.pid');
  }
  get #logFile(): string {
    return join(this.#options.folder, 'qsd.log');
  }
  get #qmpSocket(): string {
    return join(this.#options.folder, 'qmp.sock');
  }
  get #nbdSocket(): string {
    return join(this.#options.folder, 'nbd.sock');
  }

  #connected(): Promise<QmpClient> {
    if (this.#closed) return Promise.reject(new QmpUnavailable('the storage daemon was released'));
    if (this.#qmp !== undefined) return this.#qmp;
    const connecting = this.#establish();
    this.#qmp = connecting;
    connecting.then(
      (qmp) => {
        this.#failure = undefined;
        const lost = (): void => {
          if (this.#qmp === connecting) this.#qmp = undefined;
          if (!this.#closed) void this.#revive();
        };
        if (qmp.closed) lost();
        else qmp.once('close', lost);
      },
      (error: unknown) => {
        if (this.#qmp === connecting) this.#qmp = undefined;
        this.#failure = error instanceof Error ? error.message : String(error);
      },
    );
    return connecting;
  }

  /** Brings a lost daemon back without waiting for somebody to need it: guests do. */
  async #revive(): Promise<void> {
    this.#options.log.warn(
      { folder: this.#options.folder, daemonPid: this.pid },
      'the storage daemon is gone; bringing it back',
    );
    for (let pauseMs = 50; !this.#closed; pauseMs = Math.min(pauseMs * 2, restartPauseMaxMs)) {
      try {
        await this.#connected();
        return;
      } catch (error) {
        this.#options.log.error({ err: error, folder: this.#options.folder }, 'the storage daemon cannot be started');
      }
      await delay(pauseMs, undefined, { signal: this.#ended.signal }).catch(() => undefined);
    }
  }

  async #establish(): Promise<QmpClient> {
    const running = await this.#running();
    if (running !== undefined) {
      this.#identity = running;
      const adopted = await this.#prepared('adopted', adoptTimeoutMs);
      if (adopted !== undefined) return adopted;
      this.#options.log.error({ daemonPid: running.pid }, 'the storage daemon does not answer; ending it');
      await terminate(running, { graceMs: 500 });
    }
    await this.#spawn();
    const started = await this.#prepared('started', startTimeoutMs);
    if (started !== undefined) return started;
    throw new QmpUnavailable(`the storage daemon ended or did not answer: ${await this.#lastWords()}`);
  }

  async #lastWords(): Promise<string> {
    const text = await readFile(this.#logFile, 'utf8').catch(() => '');
    return text.trim().split('\n').at(-1) ?? '';
  }

  async #prepared(how: 'started' | 'adopted', timeoutMs: number): Promise<QmpClient | undefined> {
    const qmp = await this.#dial(timeoutMs);
    if (qmp === undefined) return undefined;
    // Every volume being closed listens for its export's end.
    qmp.setMaxListeners(0);
    try {
      await this.#openToClients();
      if (this.#identity !== undefined) writePidFile(this.#pidFile, this.#identity);
      await this.#options.prepare(qmp, how);
      return qmp;
    } catch (error) {
      qmp.close();
      throw error;
    }
  }

  async #dial(timeoutMs: number): Promise<QmpClient | undefined> {
    const identity = this.#identity;
    const dial = async (): Promise<QmpClient | 'dead' | undefined> => {
      try {
        return await QmpClient.connect(this.#qmpSocket, { timeoutMs: connectTimeoutMs });
      } catch {
        return identity !== undefined && isAlive(identity) ? undefined : 'dead';
      }
    };
    const found = await waitFor(dial, { what: 'QMP', timeoutMs, intervalMs: 5 }).catch(() => undefined);
    return found === 'dead' ? undefined : found;
  }

  /** The NBD socket is for the clients' group too; the folder keeps everybody else out. */
  async #openToClients(): Promise<void> {
    const { uid, clientGid } = this.#options.qsd;
    await chmod(this.#nbdSocket, 0o660);
    if (process.getuid?.() === 0) await chown(this.#nbdSocket, uid, clientGid);
  }

  async #spawn(): Promise<void> {
    const { qsd, folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: 0o750 });
    await chmod(folder, 0o750);
    if (process.getuid?.() === 0) await chown(folder, qsd.uid, qsd.clientGid);
    // The one we wrote belongs to us, and the daemon's user could not replace it.
    removePidFile(this.#pidFile);
    const spawned = await spawnDetached({
      argv: [
        qsd.binary,
        // The daemon writes its pid itself, so that not even a crash of ours between start and note loses it.
        '--pidfile',
        this.#pidFile,
        '--object',
        `throttle-group,id=${limitGroup}`,
        '--nbd-server',
        `addr.type=unix,addr.path=${this.#nbdSocket},max-connections=0`,
        '--chardev',
        `socket,id=qmp,path=${this.#qmpSocket},server=on,wait=off`,
        '--monitor',
        'chardev=qmp',
      ],
      logFile: this.#logFile,
      cwd: '/',
      env: { PATH: '/usr/bin:/bin' },
      ...childUser(qsd),
    });
    this.#identity = { pid: spawned.pid, startTime: spawned.startTime };
    this.#options.log.info({ daemonPid: spawned.pid, folder }, 'storage daemon started');
  }

  /** Our daemon when it runs; the pid alone is not believed, for numbers are given again. */
  async #running(): Promise<ProcessIdentity | undefined> {
    const live = readLivePid(this.#pidFile);
    if (live === null) return undefined;
    const argv = await readFile(`/proc/${live.pid}/cmdline`, 'utf8').catch(() => '');
    return argv.includes(this.#nbdSocket) ? (identify(live.pid) ?? undefined) : undefined;
  }
}
