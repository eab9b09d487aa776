import { chmodSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import type { Event, EventList, Host, Machine, MachineSpec } from '#contract/generated/agent-host.ts';
import { notFound } from '#libs/agent-http/problem.ts';
import type { AgentLog } from '#libs/agent-http/server.ts';
import { identify, isAlive } from '#libs/process/identity.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { Cgroups } from '../cgroup.ts';
import type { HostAgentConfig } from '../config.ts';
import type { EventRequest, FreezeOutcome, HostDriver, SerialRequest, SerialSlice } from '../driver.ts';
import { EventLog } from '../event-log.ts';
import { KeyedLock } from '#libs/concurrency/keyed-lock.ts';
import { NoOvs, OvsVsctl } from '../ovs.ts';
import { openTunDevice, Taps } from '../tap.ts';
import { chooseAccelerator, cpuModel, qemuVersion } from './accelerator.ts';
import type { AcceleratorChoice } from './accelerator.ts';
import { HostResources } from './host-resources.ts';
import { QemuMachine } from './machine.ts';
import type { MachineHost } from './machine-host.ts';
import { MachineNetwork } from './machine-network.ts';
import { machinePaths } from './machine-paths.ts';
import { freshRecord, loadMachine, removeFolders } from './machine-record.ts';
import { asProblem } from './problems.ts';
import { findQemus } from './process-scan.ts';
import { killNow } from './running-qemu.ts';

const AGENT_VERSION = '0.1.0';
const TICK_MS = 2_000;

/** A host whose machines are QEMU processes. */
export class QemuHost implements HostDriver {
  readonly #config: HostAgentConfig;
  readonly #choice: AcceleratorChoice;
  readonly #version: string;
  readonly #events = new EventLog();
  readonly #machines = new Map<string, QemuMachine>();
  readonly #shared: MachineHost;
  readonly #startedAt = new Date().toISOString();
  readonly #problems: string[] = [];
  readonly #ticker: NodeJS.Timeout;

  private constructor(config: HostAgentConfig, options: { log: AgentLog; choice: AcceleratorChoice; version: string }) {
    this.#config = config;
    this.#choice = options.choice;
    this.#version = options.version;
    const cgroups = new Cgroups(join(config.cgroupRoot, config.id));
    this.#shared = {
      qemu: config.qemu,
      accelerator: options.choice.accelerator,
      resources: new HostResources({ cgroups, cores: cpus().length, memoryMib: config.memoryMib }),
      network: new MachineNetwork(
        new Taps({ hostId: config.id, uid: config.qemu.uid }),
        config.ovs === null ? new NoOvs() : new OvsVsctl(config.ovs),
      ),
      lock: new KeyedLock(),
      log: options.log,
      happened: (type, machineId, machine) => this.#happened(type, machineId, machine),
    };
    this.#ticker = setInterval(() => void this.#tick(), TICK_MS);
    this.#ticker.unref();
  }

  /** Decides the accelerator, takes over what runs and clears what an earlier agent left half-done. @throws when QEMU is not there */
  static async open(config: HostAgentConfig, log: AgentLog): Promise<QemuHost> {
    const version = await qemuVersion(config.qemu.binary);
    for (const folder of [
      config.stateDir,
      join(config.stateDir, 'machines'),
      config.runDir,
      join(config.runDir, 'm'),
    ]) {
      mkdirSync(folder, { recursive: true });
      // QEMU's user passes through to its own folders; it lists nothing.
      chmodSync(folder, statSync(folder).mode | 0o011);
    }
    openTunDevice(log);
    const choice = await chooseAccelerator(config.qemu, version);
    const host = new QemuHost(config, { log, choice, version });
    await host.#recover();
    return host;
  }

  host(): Promise<Host> {
    const problems = [...this.#problems, ...this.#shared.resources.problems()];
    return Promise.resolve({
      id: this.#config.id,
      name: this.#config.name,
      version: AGENT_VERSION,
      hypervisor: `QEMU ${this.#version}`,
      driver: 'qemu',
      accelerator: this.#choice.accelerator,
      cpu: { cores: cpus().length, model: cpuModel() },
      memoryMib: this.#config.memoryMib,
      memoryUsedMib: this.#shared.resources.memoryUsedMib,
      machineCount: this.#machines.size,
      startedAt: this.#startedAt,
      healthy: true,
      problems,
    });
  }

  list(): Promise<Machine[]> {
    return Promise.resolve([...this.#machines.values()].map((machine) => machine.observed()));
  }

  get(machineId: string): Promise<Machine> {
    return Promise.resolve().then(() => this.#machine(machineId).observed());
  }

  async put(machineId: string, spec: MachineSpec): Promise<Machine> {
    if (spec.power === 'off') this.#machines.get(machineId)?.hurry(spec.stopGraceSeconds ?? Infinity);
    return await this.#shared.lock.run(machineId, async () => {
      try {
        const known = this.#machines.get(machineId);
        return known === undefined ? await this.#create(machineId, spec) : await known.put(spec, { isNew: false });
      } catch (error) {
        throw asProblem(error, 'the machine could not be brought to the wanted state');
      }
    });
  }

  async delete(machineId: string): Promise<void> {
    this.#machines.get(machineId)?.abandon();
    await this.#shared.lock.run(machineId, async () => {
      const machine = this.#machines.get(machineId);
      if (machine === undefined) return;
      await machine.destroy();
      this.#machines.delete(machineId);
      this.#happened('deleted', machineId);
    });
  }

  async reset(machineId: string): Promise<void> {
    await this.#machine(machineId).reset();
  }

  async freeze(machineId: string, autoThawSeconds: number): Promise<FreezeOutcome> {
    return await this.#machine(machineId).guest.freeze(autoThawSeconds);
  }

  async thaw(machineId: string): Promise<void> {
    await this.#machine(machineId).guest.thaw();
  }

  async serial(machineId: string, request: SerialRequest): Promise<SerialSlice> {
    return await this.#machine(machineId).serial.read(request);
  }

  async events(request: EventRequest): Promise<EventList> {
    return await this.#events.read(request);
  }

  close(): Promise<void> {
    clearInterval(this.#ticker);
    this.#events.close();
    for (const machine of this.#machines.values()) machine.close();
    return Promise.resolve();
  }

  async #create(machineId: string, spec: MachineSpec): Promise<Machine> {
    const paths = machinePaths(machineId, this.#config);
    let machine: QemuMachine | undefined;
    try {
      machine = new QemuMachine(machineId, { host: this.#shared, paths, spec, record: freshRecord(Date.now()) });
      this.#machines.set(machineId, machine);
      return await machine.put(spec, { isNew: true });
    } catch (error) {
      this.#machines.delete(machineId);
      await machine?.destroy();
      removeFolders(paths);
      throw error;
    }
  }

  #machine(machineId: string): QemuMachine {
    const machine = this.#machines.get(machineId);
    if (machine === undefined) throw notFound(`machine ${machineId}`);
    return machine;
  }

  #happened(type: Event['type'], machineId: string, machine?: Machine): void {
    const at = new Date().toISOString();
    this.#events.add(machine === undefined ? { at, type, machineId } : { at, type, machineId, machine });
  }

  async #tick(): Promise<void> {
    try {
      this.#shared.resources.clear();
    } catch (error) {
      this.#shared.log.warn({ err: error }, 'left-over control groups could not be cleared');
    }
    for (const machine of this.#machines.values()) {
      try {
        machine.guest.note({ kind: 'tick' });
        await machine.serial.trim();
      } catch (error) {
        this.#shared.log.warn({ err: error, machineId: machine.id }, 'looking after a machine failed');
      }
    }
  }

  async #recover(): Promise<void> {
    const running = findQemus(this.#config.runDir);
    for (const machineId of readdirSync(join(this.#config.stateDir, 'machines'))) {
      const paths = machinePaths(machineId, this.#config);
      const kept = loadMachine(paths, Date.now());
      if (kept === null) {
        removeFolders(paths);
        continue;
      }
      const machine = new QemuMachine(machineId, { host: this.#shared, paths, ...kept });
      this.#machines.set(machineId, machine);
      const process = running.get(machineId) ?? null;
      running.delete(machineId);
      await this.#takeOver(machine, { process, remembered: kept.record.process });
    }
    // What has no folder is nobody's machine: its creation was cut short, or its deletion.
    for (const [machineId, identity] of running) {
      this.#shared.log.warn({ machineId, pid: identity.pid }, 'ending a QEMU that belongs to no machine');
      await killNow(identity);
    }
    this.#shared.resources.clear();
    await this.#clearTaps();
  }

  async #takeOver(
    machine: QemuMachine,
    found: { process: ProcessIdentity | null; remembered: ProcessIdentity | null },
  ): Promise<void> {
    if (found.process !== null && isAlive(found.process)) {
      try {
        await machine.adopt(found.process);
        return;
      } catch (error) {
        this.#shared.log.error({ err: error, machineId: machine.id }, 'a running QEMU does not answer and is ended');
        machine.close();
        await killNow(found.process);
        machine.crashed('crash');
        return;
      }
    }
    // The boot id is the first part of a start time.
    const boot = (startTime: string | undefined): string | undefined => startTime?.split('-')[0];
    const sameBoot = boot(found.remembered?.startTime) === boot(identify(process.pid)?.startTime);
    if (found.remembered !== null) machine.crashed(sameBoot ? 'crash' : 'host_lost');
  }

  async #clearTaps(): Promise<void> {
    const { network, log } = this.#shared;
    try {
      const cleared = await network.clear(
        [...this.#machines.values()].flatMap((machine) => machine.connectedAdapters()),
      );
      if (cleared.length > 0) log.warn({ taps: cleared }, 'removed taps that belong to no running machine');
    } catch (error) {
      log.error({ err: error }, 'left-over taps could not be cleared');
      this.#problems.push('left-over taps or ports could not be cleared at start; the log of the agent says why');
    }
  }
}
