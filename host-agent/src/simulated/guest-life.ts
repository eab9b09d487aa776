import type { Event, Tools } from '#contract/generated/agent-host.ts';
import { drawLatency } from '#libs/simulation/latency.ts';
import type { MachineRecord } from './machine-record.ts';
import { isOn, restartsInLastHour } from './machine-record.ts';
import type { SimulatedHostOptions } from './options.ts';
import { sentinelsOf } from './sentinels.ts';

/** How soon a crashed machine is started again. */
const restartDelayMs = 200;

/** What the life of guests does to its host: told, remembered, streamed. */
export interface GuestWitness {
  happened(type: Event['type'], record: MachineRecord): void;
  /** Memory of machines that are on, in MiB. */
  memoryChanged(byMib: number): void;
}

/** Starts, boots, crashes and stops simulated guests on the shared timer queue. */
export class GuestLife {
  readonly #options: SimulatedHostOptions;
  readonly #witness: GuestWitness;

  constructor(options: SimulatedHostOptions, witness: GuestWitness) {
    this.#options = options;
    this.#witness = witness;
  }

  /** The machine is on from here; its guest comes up after the boot time. */
  start(record: MachineRecord, event: 'started' | 'restarted' = 'started'): void {
    const now = this.#options.time.now();
    record.run += 1;
    record.status = 'running';
    record.startedAt = now;
    record.upAt = now + drawLatency(this.#options.latency.guestBootMs, this.#options.random);
    record.stopCause = null;
    record.stopDetail = null;
    record.boots += 1;
    this.#witness.memoryChanged(record.memoryMib);
    this.#witness.happened(event, record);
    this.resume(record);
  }

  /** The guest boots anew in the same machine. */
  reboot(record: MachineRecord): void {
    record.run += 1;
    record.upAt = this.#options.time.now() + drawLatency(this.#options.latency.guestBootMs, this.#options.random);
    record.boots += 1;
    this.resume(record);
  }

  /** Plans what is still to come of the current run; also used for a machine that was remembered. */
  resume(record: MachineRecord): void {
    if (!isOn(record)) return;
    const now = this.#options.time.now();
    if (record.upAt > now) this.#plan(record, record.upAt, () => this.#cameUp(record));
    else if (record.upAt === now) this.#cameUp(record);
    const { crashAfterMs, powerOffAfterMs } = sentinelsOf(record.name);
    if (crashAfterMs !== null) {
      this.#plan(record, record.startedAt + crashAfterMs, () => this.#crashed(record));
    }
    if (powerOffAfterMs !== null) {
      this.#plan(record, record.startedAt + powerOffAfterMs, () => {
        this.stopped(record, 'guest');
      });
    }
  }

  /** The machine is off from here. */
  stopped(record: MachineRecord, cause: 'requested' | 'guest' | 'crash'): void {
    if (!isOn(record)) return;
    record.run += 1;
    record.status = cause === 'crash' ? 'crashed' : 'stopped';
    record.stoppedAt = this.#options.time.now();
    record.stopCause = cause;
    record.stopDetail = cause === 'crash' ? 'simulated crash: the machine is named fault-crash-after' : null;
    this.#witness.memoryChanged(-record.memoryMib);
    this.#witness.happened(cause === 'crash' ? 'crashed' : 'stopped', record);
  }

  /** What the tools of this guest are once it is up. */
  tools(record: MachineRecord): Tools['state'] {
    const sentinels = sentinelsOf(record.name);
    if (sentinels.noTools) return 'absent';
    return sentinels.outdatedTools ? 'outdated' : 'ok';
  }

  /** Whether the guest is up and its agent answers. */
  answers(record: MachineRecord): boolean {
    return isOn(record) && this.#options.time.now() >= record.upAt && this.tools(record) !== 'absent';
  }

  #cameUp(record: MachineRecord): void {
    this.#witness.happened('tools', record);
    if (record.adapters.length > 0 && this.answers(record)) this.#witness.happened('addresses', record);
  }

  #crashed(record: MachineRecord): void {
    this.stopped(record, 'crash');
    const now = this.#options.time.now();
    if (!record.restartOnCrash || restartsInLastHour(record, now) >= record.maxRestartsPerHour) return;
    this.#plan(record, now + restartDelayMs, () => {
      if (!record.wantsPower) return;
      record.restarts.push(this.#options.time.now());
      this.start(record, 'restarted');
    });
  }

  #plan(record: MachineRecord, at: number, action: () => void): void {
    const run = record.run;
    this.#options.timers.plan(at, () => {
      if (record.run === run) action();
    });
  }
}
