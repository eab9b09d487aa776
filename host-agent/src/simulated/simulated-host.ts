import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { Event, EventList, Host, Machine, MachineSpec, Tools } from '#contract/generated/agent-host.ts';
import { AgentProblem, notFound } from '#libs/agent-http/problem.ts';
import { drawLatency } from '#libs/simulation/latency.ts';
import type { LatencyRange } from '#libs/simulation/latency.ts';
import type { EventRequest, FreezeOutcome, HostDriver, SerialRequest, SerialSlice } from '../driver.ts';
import { EventLog } from '../event-log.ts';
import { KeyedLock } from '#libs/concurrency/keyed-lock.ts';
import { GuestLife } from './guest-life.ts';
import type { MachineRecord } from './machine-record.ts';
import { fingerprintOf, fromJournal, isOn, newRecord, observe, toJournal } from './machine-record.ts';
import { changedDevices, isSettled, refuseChangeWhileOn, resize, take } from './machine-rules.ts';
import type { SimulatedHostOptions } from './options.ts';
import { sentinelsOf } from './sentinels.ts';
import { SerialFollowers } from './serial-followers.ts';
import { serialText } from './serial.ts';

const journalKind = 'machine';
const defaultStopGraceSeconds = 30;

/** A machine as it was when an event happened: a copy of its record, a tenth of what the contract's form takes. */
interface Sight {
  readonly record: MachineRecord;
  readonly tools: Tools['state'];
  readonly at: number;
}

/**
 * A host whose machines are rows in memory. It keeps the rules of the contract (generations, what needs the machine
 * off, memory that is not oversold) and imitates time: starts, boots and stops take what the latency ranges say.
 * Machine names may ask for faults, see `sentinelsOf`.
 */
export class SimulatedHost implements HostDriver {
  readonly #options: SimulatedHostOptions;
  readonly #machines = new Map<string, MachineRecord>();
  readonly #turns = new KeyedLock();
  readonly #events = new EventLog();
  readonly #followers = new SerialFollowers();
  readonly #life: GuestLife;
  readonly #bornAt: number;
  #memoryUsedMib = 0;
  #lastSight: Sight | null = null;

  constructor(options: SimulatedHostOptions) {
    this.#options = options;
    this.#bornAt = options.time.now();
    this.#life = new GuestLife(options, {
      happened: (type, record) => this.#happened(type, record),
      memoryChanged: (byMib) => {
        this.#memoryUsedMib += byMib;
      },
    });
  }

  /** Takes back one remembered fact; to be called before the host serves. */
  restore(id: string, value: unknown): void {
    if (value === null) this.#machines.delete(id);
    else this.#machines.set(id, fromJournal(value));
  }

  /** After the last `restore`: counts memory and plans what its guests still have to do. */
  resume(): void {
    this.#memoryUsedMib = 0;
    for (const record of this.#machines.values()) {
      if (isOn(record)) this.#memoryUsedMib += record.memoryMib;
      this.#life.resume(record);
    }
  }

  /** What a new journal has to hold. */
  *facts(): Generator<{ kind: string; id: string; value: unknown }> {
    for (const record of this.#machines.values()) yield { kind: journalKind, id: record.id, value: toJournal(record) };
  }

  host(): Promise<Host> {
    const { id, name, cores, memoryMib } = this.#options;
    return Promise.resolve({
      id,
      name,
      version: '0.1.0',
      hypervisor: 'simulated',
      driver: 'simulated',
      accelerator: 'none',
      cpu: { cores, model: 'simulated' },
      memoryMib,
      memoryUsedMib: this.#memoryUsedMib,
      machineCount: this.#machines.size,
      startedAt: new Date(this.#bornAt).toISOString(),
      healthy: true,
      problems: [],
    });
  }

  list(): Promise<Machine[]> {
    return Promise.resolve([...this.#machines.values()].map((record) => this.#observed(record)));
  }

  async get(machineId: string): Promise<Machine> {
    return this.#observed(this.#existing(machineId));
  }

  put(machineId: string, spec: MachineSpec): Promise<Machine> {
    return this.#turns.run(machineId, () => this.#converge(machineId, spec));
  }

  delete(machineId: string): Promise<void> {
    return this.#turns.run(machineId, async () => {
      const record = this.#machines.get(machineId);
      if (record === undefined) return;
      if (isOn(record)) {
        await this.#takes(this.#options.latency.machineStopMs);
        this.#life.stopped(record, 'requested');
      }
      record.run += 1;
      this.#machines.delete(machineId);
      this.#options.journal?.remove(journalKind, machineId);
      this.#tell('deleted', machineId, null);
      this.#followers.end(machineId);
    });
  }

  reset(machineId: string): Promise<void> {
    return this.#turns.run(machineId, async () => {
      const record = this.#existing(machineId);
      if (!isOn(record)) throw new AgentProblem(409, 'not_running', `machine ${machineId} is not running`);
      this.#life.reboot(record);
      this.#remember(record);
    });
  }

  async freeze(machineId: string, _autoThawSeconds: number): Promise<FreezeOutcome> {
    const record = this.#existing(machineId);
    if (!this.#life.answers(record) || sentinelsOf(record.name).freezeFails) return { frozen: false };
    return { frozen: true, filesystems: Math.max(record.disks.length, 1) };
  }

  async thaw(machineId: string): Promise<void> {
    this.#existing(machineId);
  }

  async serial(machineId: string, { offset, follow, signal }: SerialRequest): Promise<SerialSlice> {
    const read = (): { start: number; text: string } => this.#serialText(this.#existing(machineId));
    const { start, text } = read();
    const end = start + text.length;
    const from = Math.min(Math.max(offset < 0 ? end + offset : offset, start), end);
    const first = text.slice(from - start);
    const body = follow
      ? this.#followers.follow({ machineId, first, end, read, signal })
      : Readable.from([first], { objectMode: false });
    return { start, end, body };
  }

  async events(request: EventRequest): Promise<EventList> {
    const list = await this.#events.read(request);
    return { ...list, events: list.events.map(withMachine) };
  }

  async close(): Promise<void> {
    this.#events.close();
    this.#followers.close();
    for (const record of this.#machines.values()) record.run += 1;
  }

  async #converge(machineId: string, spec: MachineSpec): Promise<Machine> {
    const fingerprint = fingerprintOf(spec);
    const known = this.#machines.get(machineId);
    if (known !== undefined && isSettled(known, spec, fingerprint)) return this.#observed(known);
    if (known !== undefined) refuseChangeWhileOn(known, spec);
    const starts = spec.power === 'on' && (known === undefined || !isOn(known));
    if (starts) this.#refuseOverselling(spec);
    const record = known ?? newRecord(machineId, spec, this.#options.time.now());
    this.#machines.set(machineId, record);
    const plugged = isOn(record) ? changedDevices(record, spec) : 0;
    take(record, spec, fingerprint);
    this.#remember(record);
    await this.#takes(plugged > 0 ? this.#options.latency.hotPlugMs : undefined, plugged);
    await this.#power(record, spec);
    if (plugged > 0 && this.#life.answers(record)) this.#happened('addresses', record);
    record.converged = true;
    this.#remember(record);
    return this.#observed(record);
  }

  async #power(record: MachineRecord, spec: MachineSpec): Promise<void> {
    const sentinels = sentinelsOf(record.name);
    if (sentinels.slowMs > 0) await delay(sentinels.slowMs);
    if (!isOn(record)) resize(record, spec);
    if (spec.power === 'on' && !isOn(record)) {
      await this.#takes(this.#options.latency.machineStartMs);
      if (sentinels.startFails) {
        throw new AgentProblem(500, 'internal', `machine ${record.id} cannot be started: its name asks for that fault`);
      }
      this.#refuseOverselling(spec);
      this.#life.start(record);
    } else if (spec.power === 'off' && isOn(record)) {
      const grace = 1000 * (spec.stopGraceSeconds ?? defaultStopGraceSeconds);
      const shutdown = drawLatency(this.#options.latency.guestShutdownMs, this.#options.random);
      const wait = this.#life.answers(record) ? Math.min(shutdown, grace) : grace;
      if (wait > 0 && this.#options.latency.guestShutdownMs !== undefined) await delay(wait);
      this.#life.stopped(record, 'requested');
      resize(record, spec);
    }
  }

  #refuseOverselling({ memoryMib }: MachineSpec): void {
    const free = this.#options.memoryMib - this.#memoryUsedMib;
    if (memoryMib <= free) return;
    throw new AgentProblem(
      507,
      'insufficient_memory',
      `host ${this.#options.name} has ${free} MiB of memory free, the machine needs ${memoryMib} MiB`,
    );
  }

  async #takes(range: LatencyRange | undefined, times = 1): Promise<void> {
    const duration = drawLatency(range, this.#options.random) * times;
    if (duration > 0) await delay(duration);
  }

  #existing(machineId: string): MachineRecord {
    const record = this.#machines.get(machineId);
    if (record === undefined) throw notFound(`machine ${machineId}`);
    return record;
  }

  #observed(record: MachineRecord): Machine {
    return observe(record, this.#life.tools(record), this.#options.time.now());
  }

  #serialText(record: MachineRecord): { start: number; text: string } {
    const up = record.upAt <= this.#options.time.now();
    return serialText(record.hostname, record.boots, up);
  }

  #happened(type: Event['type'], record: MachineRecord): void {
    this.#tell(type, record.id, this.#sight(record));
    // What the tools report follows from when the guest was started.
    if (type !== 'tools' && type !== 'addresses') this.#remember(record);
    this.#followers.grew(record.id);
  }

  #tell(type: Event['type'], machineId: string, sight: Sight | null): void {
    const event = { at: new Date(this.#options.time.now()).toISOString(), type, machineId, sight };
    this.#events.add(event);
  }

  /** Events of one instant share what was seen. */
  #sight(record: MachineRecord): Sight {
    const at = this.#options.time.now();
    const last = this.#lastSight;
    const { id, run, generation } = record;
    if (last?.record.id === id && last.at === at && last.record.run === run && last.record.generation === generation)
      return last;
    this.#lastSight = { record: { ...record, restarts: [...record.restarts] }, tools: this.#life.tools(record), at };
    return this.#lastSight;
  }

  #remember(record: MachineRecord): void {
    this.#options.journal?.put(journalKind, record.id, toJournal(record));
  }
}

/** Gives an event the machine's contract form, made only for who reads it. */
function withMachine(event: Event): Event {
  // The log keeps an event with all its members, and this host's carry a sight.
  const { sight, ...told } = event as Event & { readonly sight: Sight | null };
  return sight === null ? told : { ...told, machine: observe(sight.record, sight.tools, sight.at) };
}
