import type { TlsFiles } from '#libs/ovsdb/endpoint.ts';
import type { NetworkDriver } from './driver.ts';
import { OvnNetworkDriver } from './ovn.ts';
import { SimulatedNetworkDriver, type SimulatedOptions } from './simulated.ts';

/** The `network` part of the control plane's configuration. */
export type NetworkConfig =
  | { driver: 'ovn'; northbound: string; southbound?: string; tls?: TlsFiles }
  | ({ driver: 'simulated' } & Pick<SimulatedOptions, 'seed' | 'latencyMs' | 'faults'>);

/** Makes the driver that the configuration names; it connects by itself and need not be reachable yet. */
export function createNetworkDriver(config: NetworkConfig): NetworkDriver {
  if (config.driver === 'ovn') {
    const { northbound, southbound, tls } = config;
    return new OvnNetworkDriver({ northbound, southbound, tls });
  }
  const { seed = 1, latencyMs = [0, 0], faults = {} } = config;
  // Each control-plane process has a memory of its own, which starts empty: a network put by another one is not known here.
  return new SimulatedNetworkDriver({ seed, latencyMs, faults, requireNetwork: false });
}
