import { run } from '#libs/process/run.ts';
import type { OvsConfig } from './config.ts';

/** A tap device and the logical switch port it stands for. */
export interface OvsPort {
  readonly tap: string;
  /** OVN binds the interface by it (`external_ids:iface-id`). */
  readonly portName: string;
  readonly macAddress: string;
}

/** The ports of one host on its integration bridge. Every method is one transaction and repeatable. */
export interface OvsPorts {
  plug(ports: readonly OvsPort[]): Promise<void>;
  unplug(taps: readonly string[]): Promise<void>;
  /** Taps plugged, by name. */
  list(): Promise<string[]>;
}

/** Open vSwitch through ovs-vsctl, which waits until ovs-vswitchd has the ports. @throws CommandFailed */
export class OvsVsctl implements OvsPorts {
  readonly #base: readonly [string, ...string[]];
  readonly #bridge: string;

  constructor(config: OvsConfig) {
    this.#base = ['ovs-vsctl', `--db=unix:${config.dbSocket}`, '--timeout=10'];
    this.#bridge = config.bridge;
  }

  async plug(ports: readonly OvsPort[]): Promise<void> {
    if (ports.length === 0) return;
    await this.#run(
      ports.flatMap(({ tap, portName, macAddress }) => [
        ...['--', '--may-exist', 'add-port', this.#bridge, tap],
        ...[
          '--',
          'set',
          'Interface',
          tap,
          `external_ids:iface-id=${quoted(portName)}`,
          `external_ids:attached-mac=${quoted(macAddress)}`,
        ],
      ]),
    );
  }

  async unplug(taps: readonly string[]): Promise<void> {
    if (taps.length === 0) return;
    await this.#run(taps.flatMap((tap) => ['--', '--if-exists', 'del-port', this.#bridge, tap]));
  }

  async list(): Promise<string[]> {
    const names = await this.#run(['list-ports', this.#bridge]);
    return names.split('\n').filter((name) => name !== '');
  }

  async #run(args: readonly string[]): Promise<string> {
    return await run([...this.#base, ...args], { timeoutMs: 15_000 });
  }
}

/** For hosts without Open vSwitch: taps lead nowhere. */
export class NoOvs implements OvsPorts {
  plug(): Promise<void> {
    return Promise.resolve();
  }
  unplug(): Promise<void> {
    return Promise.resolve();
  }
  list(): Promise<string[]> {
    return Promise.resolve([]);
  }
}

/** A value in ovs-vsctl's syntax: JSON strings are taken as they are. */
function quoted(text: string): string {
  return JSON.stringify(text);
}
