import type { AdapterSpec } from '#contract/generated/agent-host.ts';
import type { OvsPorts } from '../ovs.ts';
import { tapName } from '../tap.ts';
import type { Taps } from '../tap.ts';

/** The host's side of adapters: a tap each, plugged into the integration bridge. */
export class MachineNetwork {
  readonly #taps: Taps;
  readonly #ovs: OvsPorts;

  constructor(taps: Taps, ovs: OvsPorts) {
    this.#taps = taps;
    this.#ovs = ovs;
  }

  /** Makes what is missing. @throws CommandFailed */
  async connect(adapters: readonly AdapterSpec[]): Promise<void> {
    await this.#taps.ensure(adapters.map(({ adapterId, mtu }) => ({ name: tapName(adapterId), mtu })));
    await this.#ovs.plug(
      adapters.map(({ adapterId, portName, macAddress }) => ({ tap: tapName(adapterId), portName, macAddress })),
    );
  }

  /** Removes what is there. @throws CommandFailed */
  async disconnect(adapters: readonly Pick<AdapterSpec, 'adapterId'>[]): Promise<void> {
    const taps = [...new Set(adapters.map(({ adapterId }) => tapName(adapterId)))];
    if (taps.length === 0) return;
    await this.#ovs.unplug(taps);
    await this.#taps.remove(taps);
  }

  /** Removes what belongs to none of these adapters: left over from a machine that is gone. Answers the taps' names. */
  async clear(known: readonly Pick<AdapterSpec, 'adapterId'>[]): Promise<string[]> {
    const names = new Set(known.map(({ adapterId }) => tapName(adapterId)));
    const ports = (await this.#ovs.list()).filter((name) => name.startsWith('bt') && !names.has(name));
    await this.#ovs.unplug(ports);
    return [...new Set([...ports, ...(await this.#taps.removeUnknown(names))])];
  }
}
