import type { LatencyRange } from '#libs/simulation/latency.ts';
import type { JournalScope } from '#libs/simulation/journal.ts';
import type { TimeSource, TimerQueue } from '#libs/simulation/timer-queue.ts';
import type { Random } from '#libs/simulation/random.ts';

/** How long things take on a simulated host; what is left out takes no time. */
export interface HostLatency {
  /** Starting the hypervisor process, until the call answers. */
  machineStartMs?: LatencyRange;
  /** Killing it. */
  machineStopMs?: LatencyRange;
  /** From the start until the guest's tools answer. */
  guestBootMs?: LatencyRange;
  /** From the request until a guest with tools has shut down; cut by `stopGraceSeconds`. */
  guestShutdownMs?: LatencyRange;
  /** Plugging or unplugging one disk or adapter while the guest runs. */
  hotPlugMs?: LatencyRange;
}

/** What one simulated host is made of. The queue, the time and the journal may be shared by many hosts. */
export interface SimulatedHostOptions {
  id: string;
  name: string;
  cores: number;
  /** Memory offered to machines. */
  memoryMib: number;
  latency: HostLatency;
  random: Random;
  time: TimeSource;
  timers: TimerQueue;
  /** Null: nothing outlives the process. */
  journal: JournalScope | null;
}
