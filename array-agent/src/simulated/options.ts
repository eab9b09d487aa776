import type { LatencyRange } from '#libs/simulation/latency.ts';
import type { JournalScope } from '#libs/simulation/journal.ts';
import type { Random } from '#libs/simulation/random.ts';

/** How long things take on a simulated array; what is left out takes no time. */
export interface ArrayLatency {
  /** Making a volume or growing it. */
  volumeChangeMs?: LatencyRange;
  volumeDeleteMs?: LatencyRange;
  /** Taking or deleting a snapshot. */
  snapshotMs?: LatencyRange;
  /** Taking an image over. */
  imageMs?: LatencyRange;
}

/** What one simulated array is made of. */
export interface SimulatedArrayOptions {
  id: string;
  name: string;
  capacityBytes: number;
  latency: ArrayLatency;
  random: Random;
  now: () => number;
  /** Null: nothing outlives the process. */
  journal: JournalScope | null;
}
