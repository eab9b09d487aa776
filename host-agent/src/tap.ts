import { createHash } from 'node:crypto';
import { chmodSync, statSync } from 'node:fs';
import type { AgentLog } from '#libs/agent-http/server.ts';
import { run } from '#libs/process/run.ts';

const PREFIX = 'bt';
const TIMEOUT_MS = 10_000;

/** The tap device of an adapter: at most 15 characters (IFNAMSIZ), the same after every restart. */
export function tapName(adapterId: string): string {
  return PREFIX + createHash('sha256').update(adapterId).digest('hex').slice(0, 12);
}

/**
 * Lets QEMU's user open the tun device, as udev's own rule does (mode 0666) on machines that run udev: a tap is protected by its owner,
 * making one by CAP_NET_ADMIN.
 */
export function openTunDevice(log: AgentLog): void {
  const path = '/dev/net/tun';
  const device = statSync(path, { throwIfNoEntry: false });
  if (device === undefined || (device.mode & 0o006) === 0o006 || process.getuid?.() !== 0) return;
  chmodSync(path, 0o666);
  log.info({ path }, 'opened the tun device to unprivileged users, as udev does');
}

/** Tap devices of one host in the network namespace of this process; they carry the host's id as alias. */
export class Taps {
  readonly #alias: string;
  readonly #uid: number;

  constructor(options: { hostId: string; uid: number }) {
    this.#alias = `bastide:${options.hostId}`;
    this.#uid = options.uid;
  }

  /** Makes persistent taps that QEMU's user may open, and brings them up; also when they are there. @throws CommandFailed */
  async ensure(taps: readonly { readonly name: string; readonly mtu: number | undefined }[]): Promise<void> {
    if (taps.length === 0) return;
    const present = new Set(await this.#own());
    await ipBatch(
      taps.flatMap(({ name, mtu }) => [
        ...(present.has(name) ? [] : [`tuntap add dev ${name} mode tap user ${this.#uid}`]),
        `link set dev ${name} alias ${this.#alias}${mtu === undefined ? '' : ` mtu ${mtu}`} up`,
      ]),
    );
  }

  /** Removes taps; those that are not there are fine. */
  async remove(names: readonly string[]): Promise<void> {
    const present = new Set(await this.#own());
    const gone = names.filter((name) => present.has(name));
    if (gone.length > 0) await ipBatch(gone.map((name) => `link delete dev ${name}`));
  }

  /** Removes every tap of this host that is not in `known`. Answers their names. */
  async removeUnknown(known: ReadonlySet<string>): Promise<string[]> {
    const leaked = (await this.#own()).filter((name) => !known.has(name));
    await this.remove(leaked);
    return leaked;
  }

  /** Taps of this host, and those whose making was cut short before they got their alias: they are down. */
  async #own(): Promise<string[]> {
    const text = await run(['ip', '-json', 'link', 'show'], { timeoutMs: TIMEOUT_MS });
    const links = JSON.parse(text === '' ? '[]' : text) as { ifname: string; ifalias?: string }[];
    return links
      .filter(({ ifname, ifalias }) => ifname.startsWith(PREFIX) && (ifalias ?? this.#alias) === this.#alias)
      .map(({ ifname }) => ifname);
  }
}

async function ipBatch(commands: readonly string[]): Promise<void> {
  await run(['ip', '-batch', '-'], { input: `${commands.join('\n')}\n`, timeoutMs: TIMEOUT_MS });
}
