import { readIfPresent, writeJsonAtomic } from '#libs/process/atomic-file.ts';
import type { Datapath } from './host-network.ts';
import type { StatePaths } from './paths.ts';
import type { TopologyInput } from './topology-file.ts';
import type { Topology } from './topology.ts';

/** One control-plane replica and where it listens. */
export interface ControlPlaneReplica {
  readonly name: string;
  readonly tenantPort: number;
  /** `null`: no plain HTTP. */
  readonly plainPort: number | null;
  readonly providerPort: number;
}

/** What `up` has resolved; `state.json`. */
export interface RegionState {
  readonly format: 1;
  readonly simulated: boolean;
  /** Six hexadecimal digits in the names of this region's namespaces. */
  readonly tag: string;
  /** What the operator asked for, so that an `up` without a topology file means the same again. */
  readonly input: TopologyInput;
  readonly topology: Topology;
  readonly listenAddress: string;
  readonly controlPlanes: readonly ControlPlaneReplica[];
  readonly underlayPrefix: string;
  readonly providerPrefix: string;
  readonly databasePort: number | null;
  readonly datapath: Datapath | null;
  readonly versions: Readonly<Record<string, string>>;
}

/** The state of an earlier `up`, or `null`. @throws Error when the file is damaged or of a later release */
export function readState(paths: StatePaths): RegionState | null {
  const content = readIfPresent(paths.stateFile);
  if (content === null) return null;
  let state: RegionState;
  try {
    state = JSON.parse(content) as RegionState;
  } catch (cause) {
    throw new Error(`${paths.stateFile} is damaged`, { cause });
  }
  if (state.format !== 1)
    throw new Error(`${paths.stateFile} is of format ${String(state.format)}; this release reads format 1`);
  return state;
}

/** Writes `state.json`. */
export function writeState(paths: StatePaths, state: RegionState): void {
  writeJsonAtomic(paths.stateFile, state);
}
