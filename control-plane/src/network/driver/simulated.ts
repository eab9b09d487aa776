import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { drawLatency, type LatencyRange } from '#libs/simulation/latency.ts';
import { seededRandom, type Random } from '#libs/simulation/random.ts';
import {
  NetworkRejected,
  NetworkUnavailable,
  type NetworkDriver,
  type NetworkInventory,
  type NetworkSpec,
  type PortSpec,
  type WantedState,
} from './driver.ts';
import { checkNetwork, checkPort, dhcpServerAddress } from './ovn-rows.ts';
import { patientEach } from './patience.ts';
import { RecentDeletions } from './recent-deletions.ts';

/** A specification and when it was put, in milliseconds since the epoch. */
interface Held<Spec> {
  spec: Spec;
  putAt: number;
}

/** Probabilities in [0, 1] that a call fails with {@link NetworkUnavailable}. */
export interface NetworkFaultRates {
  /** Nothing was done. */
  error?: number;
  /** The work is done, only the answer is lost. */
  drop?: number;
}

type Call = 'putNetwork' | 'deleteNetwork' | 'putPort' | 'deletePort' | 'waitPortBound' | 'inventory' | 'reconcile';

export interface SimulatedOptions {
  seed?: number;
  latencyMs?: LatencyRange;
  faults?: Partial<Record<Call | '*', NetworkFaultRates>>;
  /** A port on an unknown network is refused, as OVN does. Off where several processes each have a memory of their own. */
  requireNetwork?: boolean;
}

/** The data path in the memory of one process: no packets, the same rules. */
export class SimulatedNetworkDriver implements NetworkDriver {
  readonly #networks = new Map<string, Held<NetworkSpec>>();
  readonly #ports = new Map<string, Held<PortSpec>>();
  readonly #deletions = new RecentDeletions();
  readonly #options: SimulatedOptions;
  readonly #random: Random;
  #closed = false;

  constructor(options: SimulatedOptions = {}) {
    this.#options = options;
    this.#random = seededRandom(options.seed ?? 1, 'network');
  }

  putNetwork(spec: NetworkSpec): Promise<void> {
    return this.#call('putNetwork', () => {
      checkNetwork(spec);
      this.#networks.set(spec.id, hold(spec));
    });
  }

  deleteNetwork(id: string): Promise<void> {
    return this.#call('deleteNetwork', () => void this.#removeNetwork(id));
  }

  putPort(spec: PortSpec): Promise<void> {
    return this.#call('putPort', () => this.#storePort(spec));
  }

  deletePort(id: string): Promise<void> {
    return this.#call('deletePort', () => void this.#removePort(id));
  }

  waitPortBound(id: string): Promise<boolean> {
    return this.#call('waitPortBound', () => this.#ports.get(id)?.spec.enabled === true);
  }

  inventory(): Promise<NetworkInventory> {
    return this.#call('inventory', () => ({
      networks: [...this.#networks.keys()],
      ports: [...this.#ports.values()].map(({ spec: { id, networkId, enabled } }) => ({
        id,
        networkId,
        bound: enabled,
        chassis: null,
      })),
    }));
  }

  reconcile(wanted: WantedState): Promise<{ changed: number }> {
    return this.#call('reconcile', async () => {
      let changed = 0;
      const { readAt = Number.POSITIVE_INFINITY } = wanted;
      const mayChange = (id: string, held: Held<unknown> | undefined): boolean =>
        held === undefined ? !this.#deletions.isNewer(id, readAt) : held.putAt <= readAt;
      this.#deletions.prune(Date.now());
      const networks = new Set(wanted.networks.map((spec) => spec.id));
      const ports = new Set(wanted.ports.map((spec) => spec.id));
      const differs = (held: Held<NetworkSpec | PortSpec> | undefined, spec: NetworkSpec | PortSpec): boolean =>
        !isDeepStrictEqual(held?.spec, spec) && mayChange(spec.id, held);
      for (const spec of wanted.networks) {
        if (!differs(this.#networks.get(spec.id), spec)) continue;
        this.#networks.set(spec.id, hold(spec));
        changed++;
      }
      await patientEach(wanted.ports, (spec) => {
        if (!differs(this.#ports.get(spec.id), spec)) return;
        this.#storePort(spec);
        changed++;
      });
      await patientEach(this.#ports, ([id, held]) => {
        if (!ports.has(id) && mayChange(id, held) && this.#removePort(id)) changed++;
      });
      for (const [id, held] of [...this.#networks])
        if (!networks.has(id) && mayChange(id, held) && this.#removeNetwork(id)) changed++;
      return { changed };
    });
  }

  healthy(): Promise<string[]> {
    return Promise.resolve(this.#closed ? ['the simulated network is closed'] : []);
  }

  close(): Promise<void> {
    this.#closed = true;
    return Promise.resolve();
  }

  #storePort(spec: PortSpec): void {
    const network = this.#networks.get(spec.networkId)?.spec;
    if (network === undefined && this.#options.requireNetwork !== false)
      throw new NetworkRejected(`port ${spec.id}: the network ${spec.networkId} does not exist`);
    checkPort(
      spec,
      network === undefined
        ? {}
        : { cidr: network.cidr, dhcpServer: network.dhcp ? dhcpServerAddress(network) : undefined },
    );
    this.#ports.set(spec.id, hold(spec));
  }

  #removePort(id: string): boolean {
    this.#deletions.note(id, Date.now());
    return this.#ports.delete(id);
  }

  #removeNetwork(id: string): boolean {
    this.#deletions.note(id, Date.now());
    for (const { spec } of [...this.#ports.values()]) if (spec.networkId === id) this.#ports.delete(spec.id);
    return this.#networks.delete(id);
  }

  async #call<T>(call: Call, work: () => T | Promise<T>): Promise<T> {
    if (this.#closed) throw new NetworkUnavailable('the simulated network is closed');
    const { latencyMs, faults } = this.#options;
    const { error = 0, drop = 0 } = faults?.[call] ?? faults?.['*'] ?? {};
    const latency = drawLatency(latencyMs, this.#random);
    if (latency > 0) await delay(latency);
    const draw = this.#random.next();
    if (draw < error) throw new NetworkUnavailable(`a simulated fault hit ${call}`);
    const result = await work();
    if (draw < error + drop) throw new NetworkUnavailable(`a simulated fault lost the answer of ${call}`);
    return result;
  }
}

function hold<Spec extends object>(spec: Spec): Held<Spec> {
  return { spec: { ...spec }, putAt: Date.now() };
}
