import type { AdapterSpec, Event, Machine, MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import type { QmpEvent } from '#libs/qmp/client.ts';
import { generationVerdict, staleGeneration } from '../generation.ts';
import { stopGracefully } from './graceful-stop.ts';
import { GuestSide } from './guest-side.ts';
import { hardwareChange, refuseWhileOn } from './hardware-change.ts';
import type { HardwareChange } from './hardware-change.ts';
import { wantedHardware } from './hardware.ts';
import { changeRunning } from './change-running.ts';
import { launchMachine } from './launch-machine.ts';
import type { MachineHost } from './machine-host.ts';
import type { MachinePaths } from './machine-paths.ts';
import {
  makeFolders,
  removeFolders,
  saveRecord,
  saveRecordIfPossible,
  saveSpec,
  stoppedRecord,
} from './machine-record.ts';
import type { MachineRecord, StopCause } from './machine-record.ts';
import { observedMachine } from './observed-machine.ts';
import { asProblem } from './problems.ts';
import { recentRestarts, restartDelay, retryDelay } from './restart-policy.ts';
import { lastLines, RunningQemu } from './running-qemu.ts';
import type { QemuListener } from './running-qemu.ts';
import { writeSeedOnce } from './seed.ts';
import { SerialLog } from './serial-log.ts';
import { checkSpec } from './spec-check.ts';

const DEFAULT_STOP_GRACE_SECONDS = 30;

/**
 * One machine of the host: its wanted state, its QEMU while on, and what must be known after a restart of the agent. Methods that
 * change it are called under the host's lock, but for `hurry` and `abandon`.
 */
export class QemuMachine {
  readonly id: string;
  readonly serial: SerialLog;
  readonly guest: GuestSide;
  readonly #host: MachineHost;
  readonly #paths: MachinePaths;
  #spec: MachineSpec;
  #record: MachineRecord;
  #qemu: RunningQemu | undefined;
  #paused = false;
  /** Why the next end of QEMU is not a crash. */
  #stopRequested = false;
  #stopDeadline = Infinity;
  #ended = Promise.withResolvers<void>();
  #restartTimer: NodeJS.Timeout | undefined;
  #failedStarts = 0;
  readonly #abandoned = new AbortController();
  readonly #listener: QemuListener = {
    onEvent: (event) => this.#onEvent(event),
    onEnd: (byGuest) => this.#onEnd(byGuest),
  };

  constructor(
    id: string,
    options: { host: MachineHost; paths: MachinePaths; spec: MachineSpec; record: MachineRecord },
  ) {
    this.id = id;
    this.#host = options.host;
    this.#paths = options.paths;
    this.#spec = options.spec;
    this.#record = options.record;
    makeFolders(options.paths, options.host.qemu);
    this.serial = new SerialLog(options.paths.serialLog);
    this.guest = new GuestSide({
      socketPath: options.paths.qga,
      minimumVersion: options.host.qemu.toolsMinimumVersion,
      log: options.host.log,
      tools: () => this.#record.tools,
      keepTools: (tools) => this.#saveIfPossible({ tools }),
      happened: (type) => this.#happened(type),
    });
  }

  get isOn(): boolean {
    return this.#qemu !== undefined;
  }

  /** Adapters that the host holds something for: of a machine that is on, or about to be started again. */
  connectedAdapters(): Pick<AdapterSpec, 'adapterId'>[] {
    return this.isOn || this.#record.crashed ? this.#everyAdapter() : [];
  }

  observed(): Machine {
    const { addresses, os } = this.guest;
    const pid = this.#qemu?.identity.pid ?? null;
    return observedMachine({
      id: this.id,
      spec: this.#spec,
      record: this.#record,
      pid,
      paused: this.#paused,
      addresses,
      os,
      now: Date.now(),
    });
  }

  /** Converges to `spec`. @throws AgentProblem */
  async put(spec: MachineSpec, options: { isNew: boolean }): Promise<Machine> {
    const verdict = generationVerdict(
      options.isNew ? undefined : { spec: this.#spec, converged: this.#record.converged },
      spec,
    );
    if (verdict === 'stale') throw staleGeneration(this.#spec, spec);
    if (verdict === 'done') return this.observed();
    checkSpec(spec);
    const change =
      this.#qemu !== undefined && this.#record.hardware !== null ? hardwareChange(this.#record.hardware, spec) : null;
    if (spec.power === 'on' && change !== null) refuseWhileOn(change);
    await this.#keep(spec);
    if (spec.power === 'off') await this.#toOff();
    else if (this.#qemu !== undefined && change !== null) await this.#toChanged(this.#qemu, change);
    else await this.#start('started');
    this.#save({ converged: true });
    return this.observed();
  }

  /** A stop under way shall take no longer than this: a later, more urgent wish is waiting. */
  hurry(graceSeconds: number): void {
    this.#stopDeadline = Math.min(this.#stopDeadline, performance.now() + graceSeconds * 1000);
  }

  /** Gives up whatever is under way: the machine will be deleted. */
  abandon(): void {
    this.hurry(0);
    this.#abandoned.abort(new AgentProblem(409, 'deleted', 'the machine was deleted meanwhile'));
  }

  /** Kills QEMU and removes every trace. */
  async destroy(): Promise<void> {
    clearTimeout(this.#restartTimer);
    this.#stopRequested = true;
    await this.#qemu?.kill();
    await this.#release();
    this.serial.end();
    removeFolders(this.#paths);
  }

  /** @throws AgentProblem 409 `not_running` */
  async reset(): Promise<void> {
    if (this.#qemu === undefined) throw new AgentProblem(409, 'not_running', 'the machine is off');
    await this.#qemu.execute('system_reset');
  }

  /** Takes over the QEMU that an earlier agent left running. @throws QmpUnavailable */
  async adopt(identity: ProcessIdentity): Promise<void> {
    const hardware = this.#record.hardware ?? wantedHardware(this.#spec, null);
    this.#host.resources.take(this.id, { ...hardware, cpu: this.#spec.cpu }, { adopted: true });
    this.#host.resources.enter(this.id, identity.pid);
    this.#saveIfPossible({
      process: identity,
      hardware,
      crashed: false,
      startedAt: this.#record.startedAt ?? Date.now(),
    });
    this.#qemu = await RunningQemu.adopt(identity, { path: this.#paths.qmp, listener: this.#listener });
    const open = await this.#qemu.isChannelOpen('qga');
    if (this.#record.tools.bootedAt === null) this.guest.note({ kind: 'started' });
    this.guest.note({ kind: open ? 'opened' : 'closed' });
    this.guest.start(open);
    await this.#qemu.noticeShutdown();
  }

  /** Lets go of QEMU, which runs on. */
  close(): void {
    clearTimeout(this.#restartTimer);
    this.guest.close();
    this.#qemu?.release();
    this.#qemu = undefined;
  }

  async #keep(spec: MachineSpec): Promise<void> {
    if (this.#record.hardware === null) await writeSeedOnce(this.#paths.seed, spec.cloudInit, this.#host.qemu);
    this.#spec = spec;
    this.#save({ converged: false });
    saveSpec(this.#paths, spec);
  }

  async #toOff(): Promise<void> {
    clearTimeout(this.#restartTimer);
    if (this.#qemu !== undefined) await this.#stop(this.#qemu);
    else if (this.#record.crashed) this.#saveIfPossible({ crashed: false, stopCause: 'requested' });
    await this.#release();
  }

  async #toChanged(qemu: RunningQemu, change: HardwareChange): Promise<void> {
    try {
      this.#host.resources.take(this.id, this.#spec);
      await changeRunning(qemu, change, {
        network: this.#host.network,
        hardware: () => this.#record.hardware ?? wantedHardware(this.#spec, null),
        keep: (hardware) => this.#saveIfPossible({ hardware }),
      });
    } catch (error) {
      throw asProblem(error, 'the running machine could not be changed');
    }
  }

  async #start(event: 'started' | 'restarted'): Promise<void> {
    clearTimeout(this.#restartTimer);
    const hardware = wantedHardware(this.#spec, this.#record.hardware);
    this.#stopRequested = false;
    this.#stopDeadline = Infinity;
    this.#paused = false;
    this.#ended = Promise.withResolvers();
    const startedAt = Date.now();
    try {
      this.#abandoned.signal.throwIfAborted();
      this.#qemu = await launchMachine(this.#host, {
        ...{ machineId: this.id, paths: this.#paths, hardware, cpu: this.#spec.cpu, oldAdapters: this.#everyAdapter() },
        ...{ listener: this.#listener, signal: this.#abandoned.signal },
        onSpawn: (identity) => this.#saveIfPossible({ process: identity, hardware }),
      });
      this.#saveIfPossible({ crashed: false, startedAt, stoppedAt: null, stopCause: null, stopDetail: null });
    } catch (error) {
      this.#saveIfPossible({ process: null });
      await this.#release();
      throw asProblem(error, 'QEMU did not start');
    }
    this.guest.note({ kind: 'started' });
    this.guest.start(false);
    this.#happened(event);
  }

  /** Takes back what the host gave a machine that is off now. */
  async #release(): Promise<void> {
    await this.#host.network.disconnect(this.#everyAdapter());
    this.#host.resources.release(this.id);
  }

  #everyAdapter(): Pick<AdapterSpec, 'adapterId'>[] {
    return [...(this.#record.hardware?.adapters ?? []), ...this.#spec.adapters];
  }

  async #stop(qemu: RunningQemu): Promise<void> {
    this.#stopRequested = true;
    this.hurry(this.#spec.stopGraceSeconds ?? DEFAULT_STOP_GRACE_SECONDS);
    await stopGracefully({
      isOn: () => this.isOn,
      ended: this.#ended.promise,
      deadline: () => this.#stopDeadline,
      askTools: async () => this.guest.answers && (await this.guest.shutDown()),
      pressPowerButton: async () => await qemu.pressPowerButton(),
      kill: async () => await qemu.kill(),
    });
  }

  #onEvent({ event, data }: QmpEvent): void {
    if (event === 'VSERPORT_CHANGE' && data['id'] === 'tools') this.guest.channel(data['open'] === true);
    else if (event === 'RESET') this.guest.note({ kind: 'reset' });
    else if (event === 'STOP' || event === 'RESUME') this.#paused = event === 'STOP';
  }

  #onEnd(byGuest: boolean): void {
    this.#qemu = undefined;
    this.guest.stop();
    this.#ended.resolve();
    if (!byGuest && !this.#stopRequested) return this.crashed('crash');
    this.#off(this.#stopRequested ? 'requested' : 'guest', null);
    this.#happened('stopped');
    // A requested stop clears up by itself, in order.
    if (!this.#stopRequested) this.#clearUpLater();
  }

  /** QEMU ended without being asked, now or while no agent looked: the restart policy decides. */
  crashed(cause: 'crash' | 'host_lost'): void {
    this.#off(cause, lastLines(this.#paths.qemuLog) || null);
    this.#host.log.warn({ machineId: this.id, detail: this.#record.stopDetail }, 'QEMU ended without being asked');
    this.#happened('crashed');
    this.#planRestart(restartDelay(this.#spec.restart, this.#record.restarts, Date.now()));
  }

  #off(cause: StopCause, detail: string | null): void {
    this.#paused = false;
    this.#saveIfPossible(stoppedRecord(this.#record.tools, { cause, detail, now: Date.now() }));
  }

  #planRestart(wait: number | null): void {
    if (wait === null || this.#spec.power === 'off') this.#clearUpLater();
    else this.#restartTimer = setTimeout(() => void this.#host.lock.run(this.id, () => this.#restart()), wait);
  }

  async #restart(): Promise<void> {
    if (this.isOn || !this.#record.crashed || this.#spec.power !== 'on' || this.#abandoned.signal.aborted) return;
    const now = Date.now();
    const restarts = recentRestarts(this.#record.restarts, now);
    this.#saveIfPossible({ restarts: [...restarts, now] });
    try {
      await this.#start('restarted');
      this.#failedStarts = 0;
    } catch (error) {
      this.#host.log.warn({ err: error, machineId: this.id }, 'a crashed machine did not start again');
      this.#saveIfPossible({ restarts, stopDetail: error instanceof Error ? error.message : String(error) });
      this.#failedStarts += 1;
      this.#planRestart(retryDelay(this.#failedStarts));
    }
  }

  #clearUpLater(): void {
    const clearUp = async (): Promise<void> => {
      if (!this.isOn && !this.#abandoned.signal.aborted) await this.#release();
    };
    void this.#host.lock
      .run(this.id, clearUp)
      .catch((error: unknown) => this.#host.log.error({ err: error }, 'clearing up failed'));
  }

  #happened(type: Event['type']): void {
    this.#host.happened(type, this.id, this.observed());
  }

  #saveIfPossible(change: Partial<MachineRecord>): void {
    this.#record = { ...this.#record, ...change };
    saveRecordIfPossible(this.#paths, this.#record, this.#host.log);
  }

  #save(change: Partial<MachineRecord>): void {
    this.#record = { ...this.#record, ...change };
    saveRecord(this.#paths, this.#record);
  }
}
