import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Event, GuestInterface, Machine, MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import type { AgentLog } from '#libs/agent-http/server.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import type { QmpEvent } from '#libs/qmp/client.ts';
import type { QemuConfig } from '../config.ts';
import type { FreezeOutcome } from '../driver.ts';
import { generationVerdict } from '../generation.ts';
import type { KeyedLock } from '../keyed-lock.ts';
import type { OvsPorts } from '../ovs.ts';
import { tapName } from '../tap.ts';
import type { Taps } from '../tap.ts';
import { commandLine } from './command-line.ts';
import type { Accelerator } from './command-line.ts';
import { GuestWatch } from './guest-watch.ts';
import type { GuestNews } from './guest-watch.ts';
import { hardwareChange } from './hardware-change.ts';
import type { HardwareChange } from './hardware-change.ts';
import { assignPorts } from './hardware.ts';
import type { Hardware, PluggedAdapter } from './hardware.ts';
import type { HostResources } from './host-resources.ts';
import { growDisk, plugAdapter, plugDisk } from './hot-plug.ts';
import type { MachinePaths } from './machine-paths.ts';
import { makeFolders, removeFolders, saveRecord, saveSpec } from './machine-record.ts';
import type { MachineRecord } from './machine-record.ts';
import { observedMachine } from './observed-machine.ts';
import { asProblem } from './problems.ts';
import { recentRestarts, restartDelay } from './restart-policy.ts';
import { lastLines, RunningQemu } from './running-qemu.ts';
import { writeSeed } from './seed.ts';
import { SerialLog } from './serial-log.ts';
import { checkSpec } from './spec-check.ts';
import { toolsAfter } from './tools-state.ts';
import type { ToolsInput } from './tools-state.ts';

/** What the machines of one host share. */
export interface MachineHost {
  readonly qemu: QemuConfig;
  readonly accelerator: Accelerator;
  readonly resources: HostResources;
  readonly taps: Taps;
  readonly ovs: OvsPorts;
  /** Orders everything that changes one machine. */
  readonly lock: KeyedLock;
  readonly log: AgentLog;
  readonly happened: (type: Event['type'], machineId: string, machine?: Machine) => void;
}

const DEFAULT_STOP_GRACE_SECONDS = 30;
const POWER_BUTTON_EVERY_MS = 5_000;

/**
 * One machine of the host: its wanted state, its QEMU while on, and what must be known after a restart of the agent. Methods that
 * change it are called under the host's lock, but for `hurry` and `abandon`.
 */
export class QemuMachine {
  readonly id: string;
  readonly serial: SerialLog;
  readonly #host: MachineHost;
  readonly #paths: MachinePaths;
  #spec: MachineSpec;
  #record: MachineRecord;
  #qemu: RunningQemu | undefined;
  #watch: GuestWatch | undefined;
  #addresses: GuestInterface[] = [];
  #os: Machine['os'] = null;
  #paused = false;
  /** Why the next end of QEMU is not a crash. */
  #stopRequested = false;
  #stopDeadline = Infinity;
  #ended: PromiseWithResolvers<void> = Promise.withResolvers();
  #restartTimer: NodeJS.Timeout | undefined;
  #thawTimer: NodeJS.Timeout | undefined;
  #abandoned = new AbortController();

  constructor(id: string, options: { host: MachineHost; paths: MachinePaths; spec: MachineSpec; record: MachineRecord }) {
    this.id = id;
    this.#host = options.host;
    this.#paths = options.paths;
    this.#spec = options.spec;
    this.#record = options.record;
    makeFolders(options.paths, options.host.qemu);
    this.serial = new SerialLog(options.paths.serialLog);
  }

  get isOn(): boolean {
    return this.#qemu !== undefined;
  }

  /** On, or about to be started again. */
  get needsTaps(): boolean {
    return this.isOn || this.#record.crashed;
  }

  /** Names of the taps that belong to this machine. */
  taps(): string[] {
    return [...(this.#record.hardware?.adapters ?? []), ...this.#spec.adapters].map((adapter) => tapName(adapter.adapterId));
  }

  observed(): Machine {
    const { pid } = this.#qemu?.identity ?? { pid: null };
    return observedMachine({
      ...{ id: this.id, spec: this.#spec, record: this.#record, pid, paused: this.#paused },
      ...{ addresses: this.#addresses, os: this.#os ?? null, now: Date.now() },
    });
  }

  /** Converges to `spec`. @throws AgentProblem */
  async put(spec: MachineSpec, options: { isNew: boolean }): Promise<Machine> {
    const seen = options.isNew ? undefined : { spec: this.#spec, converged: this.#record.converged };
    const verdict = generationVerdict(seen, spec);
    if (verdict === 'stale') {
      throw new AgentProblem(409, 'stale_generation', `generation ${this.#spec.generation} was seen already; ${spec.generation} is older or has another content`);
    }
    if (verdict === 'done') return this.observed();
    checkSpec(spec);
    const change = this.#changeTo(spec);
    if (spec.power === 'on' && change !== null && change.needsPowerOff.length > 0) {
      throw new AgentProblem(409, 'needs_power_off', `the machine runs; this needs it off: ${change.needsPowerOff.join(', ')}`);
    }
    await this.#keep(spec);
    if (spec.power === 'off') await this.#toOff();
    else if (this.isOn && change !== null) await this.#toChanged(change);
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

  async freeze(autoThawSeconds: number): Promise<FreezeOutcome> {
    const watch = this.#watch;
    const { state } = this.#record.tools;
    if (watch === undefined || (state !== 'ok' && state !== 'outdated')) return { frozen: false };
    clearTimeout(this.#thawTimer);
    watch.pause(true);
    this.#thawTimer = setTimeout(() => void this.thaw(), autoThawSeconds * 1000);
    try {
      const filesystems = await watch.execute<number>('guest-fsfreeze-freeze', undefined, Math.min(autoThawSeconds * 1000, 20_000));
      return { frozen: true, filesystems };
    } catch (error) {
      this.#host.log.warn({ err: error, machineId: this.id }, 'the guest did not freeze');
      await this.thaw();
      return { frozen: false };
    }
  }

  async thaw(): Promise<void> {
    clearTimeout(this.#thawTimer);
    const watch = this.#watch;
    if (watch === undefined) return;
    await watch.execute('guest-fsfreeze-thaw', undefined, 10_000).catch((error: unknown) => {
      this.#host.log.warn({ err: error, machineId: this.id }, 'the guest did not answer a thaw');
    });
    watch.pause(false);
  }

  /** Takes over the QEMU that an earlier agent left running. @throws QmpUnavailable */
  async adopt(identity: ProcessIdentity): Promise<void> {
    const hardware = this.#record.hardware ?? this.#wantedHardware();
    this.#host.resources.take(this.id, { ...hardware, cpu: this.#spec.cpu }, { adopted: true });
    this.#host.resources.enter(this.id, identity.pid);
    this.#save({ process: identity, hardware, crashed: false, startedAt: this.#record.startedAt ?? Date.now() });
    this.#qemu = await RunningQemu.adopt(identity, { path: this.#paths.qmp, listener: this.#listener() });
    const devices = await this.#qemu.execute<{ label: string; 'frontend-open': boolean }[]>('query-chardev');
    const open = devices.some((device) => device.label === 'qga' && device['frontend-open']);
    this.#tools({ kind: open ? 'opened' : 'closed' });
    this.#watchGuest(open);
    // A caller that froze the guest may have waited for an agent that died.
    if (open) void this.thaw();
    await this.#qemu.noticeShutdown();
  }

  /** QEMU ended while no agent looked. */
  lost(cause: 'crash' | 'host_lost'): void {
    this.#afterCrash(cause);
  }

  /** Lets go of QEMU, which runs on. */
  close(): void {
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#thawTimer);
    this.#watch?.stop();
    this.#qemu?.release();
    this.#qemu = undefined;
  }

  /** What time alone changes: the tools' state, the serial ring. */
  async tick(): Promise<void> {
    if (this.isOn) this.#tools({ kind: 'tick' });
    await this.serial.trim();
  }

  #changeTo(spec: MachineSpec): HardwareChange | null {
    return this.isOn && this.#record.hardware !== null ? hardwareChange(this.#record.hardware, spec) : null;
  }

  async #keep(spec: MachineSpec): Promise<void> {
    const neverStarted = this.#record.hardware === null;
    if (spec.cloudInit !== undefined && neverStarted && !existsSync(this.#paths.seed)) {
      await writeSeed(this.#paths.seed, spec.cloudInit, this.#host.qemu);
    }
    this.#spec = spec;
    this.#save({ converged: false });
    saveSpec(this.#paths, spec);
  }

  async #toOff(): Promise<void> {
    clearTimeout(this.#restartTimer);
    if (this.#qemu !== undefined) await this.#stop(this.#spec.stopGraceSeconds ?? DEFAULT_STOP_GRACE_SECONDS);
    else if (this.#record.crashed) this.#save({ crashed: false, stopCause: 'requested' });
    await this.#release();
  }

  async #toChanged({ addedDisks, addedAdapters, grownDisks }: HardwareChange): Promise<void> {
    const qemu = this.#qemu;
    const hardware = this.#record.hardware;
    if (qemu === undefined || hardware === null) return;
    try {
      this.#host.resources.take(this.id, this.#spec);
      for (const disk of addedDisks) {
        await plugDisk(qemu, disk);
        this.#plugged((now) => ({ ...now, disks: [...now.disks, disk].toSorted((left, right) => left.position - right.position) }));
      }
      for (const disk of grownDisks) {
        await growDisk(qemu, disk.position, disk.sizeBytes ?? 0);
        this.#plugged((now) => ({ ...now, disks: now.disks.map((each) => (each.volumeId === disk.volumeId ? disk : each)) }));
      }
      const ports = assignPorts([...hardware.adapters, ...addedAdapters], hardware.adapters);
      for (const adapter of ports.filter((each) => addedAdapters.some((added) => added.adapterId === each.adapterId))) {
        await this.#plugAdapter(qemu, adapter);
        this.#plugged((now) => ({ ...now, adapters: [...now.adapters, adapter] }));
      }
    } catch (error) {
      throw asProblem(error, 'the running machine could not be changed');
    }
  }

  async #plugAdapter(qemu: RunningQemu, adapter: PluggedAdapter): Promise<void> {
    try {
      await this.#connectAdapters([adapter]);
      await plugAdapter(qemu, adapter, tapName(adapter.adapterId));
    } catch (error) {
      await this.#disconnect([tapName(adapter.adapterId)]);
      throw error;
    }
  }

  #plugged(change: (now: Hardware) => Hardware): void {
    if (this.#record.hardware !== null) this.#save({ hardware: change(this.#record.hardware) });
  }

  async #start(event: 'started' | 'restarted'): Promise<void> {
    clearTimeout(this.#restartTimer);
    const { qemu: config, resources, accelerator } = this.#host;
    const hardware = this.#wantedHardware();
    try {
      this.#abandoned.signal.throwIfAborted();
      resources.take(this.id, this.#spec);
      await this.#disconnect((this.#record.hardware?.adapters ?? []).filter((old) => !hardware.adapters.some((each) => each.adapterId === old.adapterId)).map((old) => tapName(old.adapterId)));
      await this.#connectAdapters(hardware.adapters);
      makeFolders(this.#paths, config);
      const hasSeed = existsSync(this.#paths.seed);
      const args = commandLine({ machineId: this.id, accelerator, hardware, paths: this.#paths, hasSeed, tapName });
      this.#stopRequested = false;
      this.#stopDeadline = Infinity;
      this.#paused = false;
      this.#ended = Promise.withResolvers();
      const now = Date.now();
      this.#qemu = await RunningQemu.launch({
        argv: [config.binary, ...args],
        user: config,
        qmpPath: this.#paths.qmp,
        logFile: this.#paths.qemuLog,
        listener: this.#listener(),
        signal: this.#abandoned.signal,
        onSpawn: (identity) => {
          resources.enter(this.id, identity.pid);
          this.#save({ process: identity, hardware });
        },
      });
      this.#save({ crashed: false, startedAt: now, stoppedAt: null, stopCause: null, stopDetail: null });
    } catch (error) {
      this.#save({ process: null });
      await this.#release();
      throw asProblem(error, 'QEMU did not start');
    }
    this.#tools({ kind: 'started' });
    this.#watchGuest(false);
    this.#host.happened(event, this.id, this.observed());
  }

  #wantedHardware(): Hardware {
    const { vcpus, memoryMib, disks, adapters } = this.#spec;
    const kept = (this.#record.hardware?.adapters ?? []).filter((old) => adapters.some((each) => each.adapterId === old.adapterId));
    return { vcpus, memoryMib, disks: disks.toSorted((left, right) => left.position - right.position), adapters: assignPorts(adapters, kept) };
  }

  async #connectAdapters(adapters: readonly PluggedAdapter[]): Promise<void> {
    for (const adapter of adapters) await this.#host.taps.ensure(tapName(adapter.adapterId), adapter.mtu);
    await this.#host.ovs.plug(adapters.map((each) => ({ tap: tapName(each.adapterId), portName: each.portName, macAddress: each.macAddress })));
  }

  async #disconnect(taps: readonly string[]): Promise<void> {
    if (taps.length === 0) return;
    await this.#host.ovs.unplug(taps);
    await this.#host.taps.remove(taps);
  }

  /** Takes back what the host gave a machine that is off now. */
  async #release(): Promise<void> {
    await this.#disconnect([...new Set(this.taps())]);
    this.#host.resources.release(this.id);
  }

  async #stop(graceSeconds: number): Promise<void> {
    const qemu = this.#qemu;
    if (qemu === undefined) return;
    this.#stopRequested = true;
    const started = performance.now();
    this.#stopDeadline = Math.min(this.#stopDeadline, started + graceSeconds * 1000);
    const { state } = this.#record.tools;
    const asked = graceSeconds > 0 && (state === 'ok' || state === 'outdated') && (await this.#askTools());
    // Tools that were asked get half of the time for themselves.
    let nextPress = asked ? started + (graceSeconds * 1000) / 2 : started;
    while (this.#qemu !== undefined && performance.now() < this.#stopDeadline) {
      if (performance.now() >= nextPress) {
        nextPress = performance.now() + POWER_BUTTON_EVERY_MS;
        await qemu.execute('system_powerdown').catch(() => undefined);
      }
      await Promise.race([this.#ended.promise, delay(Math.max(1, Math.min(200, this.#stopDeadline - performance.now())))]);
    }
    if (this.#qemu !== undefined) await qemu.kill();
  }

  async #askTools(): Promise<boolean> {
    try {
      await this.#watch?.shutDown();
      return true;
    } catch {
      return false;
    }
  }

  #listener(): { onEvent(event: QmpEvent): void; onEnd(byGuest: boolean): void } {
    return { onEvent: (event) => this.#onEvent(event), onEnd: (byGuest) => this.#onEnd(byGuest) };
  }

  #onEvent({ event, data }: QmpEvent): void {
    if (event === 'VSERPORT_CHANGE' && data['id'] === 'tools') {
      const open = data['open'] === true;
      this.#tools({ kind: open ? 'opened' : 'closed' });
      this.#watch?.channel(open);
    } else if (event === 'RESET') {
      this.#tools({ kind: 'reset' });
    } else if (event === 'STOP' || event === 'RESUME') {
      this.#paused = event === 'STOP';
    }
  }

  #onEnd(byGuest: boolean): void {
    this.#qemu = undefined;
    this.#watch?.stop();
    this.#watch = undefined;
    clearTimeout(this.#thawTimer);
    this.#ended.resolve();
    if (!byGuest && !this.#stopRequested) {
      this.#afterCrash('crash');
      return;
    }
    this.#off(this.#stopRequested ? 'requested' : 'guest', null);
    this.#host.happened('stopped', this.id, this.observed());
    // A requested stop clears up by itself, in order.
    if (!this.#stopRequested) this.#clearUpLater();
  }

  #afterCrash(cause: 'crash' | 'host_lost'): void {
    this.#off(cause, lastLines(this.#paths.qemuLog) || null);
    this.#host.log.warn({ machineId: this.id, detail: this.#record.stopDetail }, 'QEMU ended without being asked');
    this.#host.happened('crashed', this.id, this.observed());
    this.#planRestart();
  }

  #off(cause: NonNullable<Machine['stopCause']>, detail: string | null): void {
    this.#addresses = [];
    this.#paused = false;
    const tools = toolsAfter(this.#record.tools, { kind: 'stopped' }, { now: Date.now() });
    const crashed = cause === 'crash' || cause === 'host_lost';
    this.#save({ process: null, crashed, stoppedAt: Date.now(), stopCause: cause, stopDetail: detail, tools });
  }

  #planRestart(): void {
    const wait = this.#spec.power === 'on' ? restartDelay(this.#spec.restart, this.#record.restarts, Date.now()) : null;
    if (wait === null) {
      this.#clearUpLater();
      return;
    }
    this.#restartTimer = setTimeout(() => void this.#host.lock.run(this.id, () => this.#restart()), wait);
  }

  async #restart(): Promise<void> {
    if (this.isOn || !this.#record.crashed || this.#spec.power !== 'on' || this.#abandoned.signal.aborted) return;
    const now = Date.now();
    this.#save({ restarts: [...recentRestarts(this.#record.restarts, now), now] });
    try {
      await this.#start('restarted');
    } catch (error) {
      this.#host.log.warn({ err: error, machineId: this.id }, 'a crashed machine did not start again');
      this.#save({ stopDetail: error instanceof Error ? error.message : String(error) });
      this.#planRestart();
    }
  }

  #clearUpLater(): void {
    void this.#host.lock
      .run(this.id, async () => {
        if (!this.isOn && !this.#abandoned.signal.aborted) await this.#release();
      })
      .catch((error: unknown) => this.#host.log.error({ err: error, machineId: this.id }, 'clearing up after a machine failed'));
  }

  #watchGuest(open: boolean): void {
    this.#watch?.stop();
    this.#watch = new GuestWatch(this.#paths.qga, {
      open,
      listener: { onAnswer: (news) => this.#onAnswer(news), onSilence: () => this.#tools({ kind: 'silent' }) },
    });
  }

  #onAnswer(news: GuestNews): void {
    if (news.os !== undefined) this.#os = news.os;
    const moved = !isDeepStrictEqual(this.#addresses, news.addresses);
    this.#addresses = news.addresses;
    this.#tools({ kind: 'answered', version: news.version });
    if (moved) this.#host.happened('addresses', this.id, this.observed());
  }

  #tools(input: ToolsInput): void {
    const before = this.#record.tools;
    const tools = toolsAfter(before, input, { now: Date.now(), minimumVersion: this.#host.qemu.toolsMinimumVersion });
    if (isDeepStrictEqual(before, tools)) return;
    this.#save({ tools });
    if (before.state !== tools.state && input.kind !== 'started') this.#host.happened('tools', this.id, this.observed());
  }

  #save(change: Partial<MachineRecord>): void {
    this.#record = { ...this.#record, ...change };
    saveRecord(this.#paths, this.#record);
  }
}
