import { regionTag } from './fabric.ts';
import type { Datapath } from './host-network.ts';
import type { StatePaths } from './paths.ts';
import type { ControlPlaneReplica, RegionState } from './state.ts';
import type { ListenInput, TopologyInput } from './topology-file.ts';
import { resolveTopology } from './topology.ts';
import type { EndpointScheme } from './topology.ts';

/** What decides the state of a region. */
export interface ResolveStateOptions {
  readonly paths: StatePaths;
  /** `null`: as before, or the defaults. */
  readonly input: TopologyInput | null;
  readonly previous: RegionState | null;
  readonly simulated: boolean;
  readonly datapath: Datapath | null;
  readonly versions: Readonly<Record<string, string>>;
}

/** Works out the whole state of a region. @throws TopologyError; Error when a simulated region would become a real one or the reverse */
export function resolveState(options: ResolveStateOptions): RegionState {
  const { paths, previous, simulated } = options;
  if (previous && previous.simulated !== simulated) {
    const [was, is] = previous.simulated ? ['simulated', 'real'] : ['real', 'simulated'];
    throw new Error(
      `${paths.root} holds a ${was} region, not a ${is} one: choose another folder with --state, or ./bastide destroy`,
    );
  }
  const input = options.input ?? previous?.input ?? {};
  return {
    format: 1,
    simulated,
    tag: regionTag(paths.root),
    input,
    topology: resolveTopology(input, {
      simulated,
      endpoints: endpoints(paths, simulated),
      previous: previous?.topology ?? null,
    }),
    listenAddress: input.listen?.address ?? '127.0.0.1',
    controlPlanes: replicas(input.controlPlanes ?? 1, input.listen ?? {}),
    underlayPrefix: input.network?.underlayPrefix ?? '100.127.0.0/24',
    providerPrefix: input.network?.providerPrefix ?? '198.51.100.0/24',
    databasePort: input.database?.port ?? null,
    datapath: options.datapath,
    versions: options.versions,
  };
}

function endpoints(paths: StatePaths, simulated: boolean): EndpointScheme {
  if (simulated) {
    return {
      host: (name) => `unix:${paths.simulatedSocket}#/hosts/${name}`,
      array: (name) => `unix:${paths.simulatedSocket}#/arrays/${name}`,
    };
  }
  return {
    host: (name) => `unix:${paths.hostRun(name)}/agent.sock`,
    array: (name) => `unix:${paths.arrayRun(name)}/agent.sock`,
  };
}

function replicas(count: number, listen: ListenInput): ControlPlaneReplica[] {
  const plain = listen.plainPort ?? 8080;
  return Array.from({ length: count }, (_, index) => ({
    name: `control-${index + 1}`,
    tenantPort: (listen.tenantPort ?? 8443) + 10 * index,
    plainPort: plain === 0 ? null : plain + 10 * index,
    providerPort: (listen.providerPort ?? 8444) + 10 * index,
  }));
}
