import { readFileSync } from 'node:fs';
import type { ArrayLatency } from '#array-agent/simulated/options.ts';
import type { HostLatency } from '#host-agent/simulated/options.ts';
import type { TlsIdentity } from '#libs/agent-http/tls-identity.ts';
import type { FaultPlan } from '#libs/simulation/faults.ts';

/** One simulated host; served under the prefix `/hosts/<name>`. */
export interface SimulatedHostConfig {
  readonly id: string;
  readonly name: string;
  readonly cores: number;
  readonly memoryMib: number;
}

/** One simulated array; served under the prefix `/arrays/<name>`. */
export interface SimulatedArrayConfig {
  readonly id: string;
  readonly name: string;
  readonly capacityBytes: number;
}

/** The configuration file of the process that plays all hosts and arrays of a simulated region. */
export interface SimulatedRegionConfig {
  /** Absolute path of the unix socket. */
  readonly socket: string;
  readonly tls: TlsIdentity;
  readonly hosts: readonly SimulatedHostConfig[];
  readonly arrays: readonly SimulatedArrayConfig[];
  /** Folder of the journal; null: nothing outlives the process. */
  readonly stateDir: string | null;
  /** Ranges `[min, max]` in milliseconds; `none`: everything at once, guests included. */
  readonly latency: (HostLatency & ArrayLatency) | 'none';
  /** Same seed, same calls in the same order: same latencies and faults. */
  readonly seed: number;
  readonly faults?: FaultPlan;
}

/** Latencies of a simulated region that a person looks at: quick, and every state can be seen. */
export const lifelikeLatency: HostLatency & ArrayLatency = {
  machineStartMs: [80, 400],
  machineStopMs: [20, 60],
  guestBootMs: [1500, 4000],
  guestShutdownMs: [300, 1500],
  hotPlugMs: [20, 120],
  volumeChangeMs: [20, 150],
  volumeDeleteMs: [10, 60],
  snapshotMs: [30, 200],
  imageMs: [50, 300],
};

/** Reads a configuration file. @throws Error that names the file and the member at fault */
export function readConfig(file: string): SimulatedRegionConfig {
  const config = JSON.parse(readFileSync(file, 'utf8')) as Partial<SimulatedRegionConfig>;
  for (const member of ['socket', 'tls', 'hosts', 'arrays'] as const) {
    if (config[member] === undefined) throw new Error(`${file}: ${member} is missing`);
  }
  const { socket, tls, hosts, arrays } = config as SimulatedRegionConfig;
  return {
    socket,
    tls,
    hosts,
    arrays,
    stateDir: config.stateDir ?? null,
    latency: config.latency ?? lifelikeLatency,
    seed: config.seed ?? 1,
    ...(config.faults === undefined ? {} : { faults: config.faults }),
  };
}
