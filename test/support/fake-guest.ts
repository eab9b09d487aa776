import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { run } from '#libs/process/run.ts';
import { spawnDetached } from '#libs/process/spawn.ts';
import { terminate } from '#libs/process/terminate.ts';

interface GuestPlace {
  name: string;
  /** The host's namespace. */
  namespace: string;
  /** The host's switch database. */
  dbSocket: string;
  /** For scripts and files of the guest. */
  dir: string;
}

type LinkStatistics = { stats64: Record<'rx' | 'tx', { packets: number }> };

/** What a DHCP server handed out. */
export interface Lease {
  address: string;
  prefixLength: number;
  router: string;
  nameServers: string;
  mtu: string;
  hostname: string;
}

// What udhcpc runs on `bound`; other events need nothing.
const LEASE_SCRIPT =
  '#!/bin/busybox sh\n[ "$1" = bound ] && echo "lease|$ip|$mask|$router|$dns|$mtu|$hostname"\nexit 0\n';

/** Stands for a guest: a namespace whose `eth0` is a port of a host's switch. */
export class FakeGuest {
  readonly #place: GuestPlace;
  readonly #namespace: string;
  #dhcpServer: ProcessIdentity | undefined;

  static async attach(place: GuestPlace, adapter: { id: string; macAddress: string }): Promise<FakeGuest> {
    const guest = new FakeGuest(place);
    await run(['ip', 'netns', 'add', guest.#namespace]);
    await run([
      'ip',
      '-n',
      place.namespace,
      'link',
      'add',
      place.name,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
      'netns',
      guest.#namespace,
    ]);
    // Nothing but what a test sends may reach a packet counter: neither end speaks IPv6 by itself.
    await run(['ip', '-n', place.namespace, 'link', 'set', place.name, 'addrgenmode', 'none', 'up']);
    await guest.exec('sysctl', '-qw', 'net.ipv6.conf.all.disable_ipv6=1', 'net.ipv6.conf.default.disable_ipv6=1');
    await guest.ip('link set lo up', `link set eth0 address ${adapter.macAddress} up`);
    const port = [
      '--',
      '--may-exist',
      'add-port',
      'br-int',
      place.name,
      '--',
      'set',
      'Interface',
      place.name,
      `external_ids:iface-id=${adapter.id}`,
    ];
    await run(['ovs-vsctl', `--db=unix:${place.dbSocket}`, '--timeout=20', ...port]);
    return guest;
  }

  private constructor(place: GuestPlace) {
    this.#place = place;
    this.#namespace = `${place.namespace}-${place.name}`;
  }

  /** Runs a busybox applet inside. */
  exec(applet: string, ...args: string[]): Promise<string> {
    return run(['nsenter', `--net=/run/netns/${this.#namespace}`, 'busybox', applet, ...args], { timeoutMs: 20_000 });
  }

  /** Runs lines of `ip -batch` inside. */
  async ip(...lines: string[]): Promise<void> {
    await run(['ip', '-n', this.#namespace, '-batch', '-'], { input: `${lines.join('\n')}\n` });
  }

  /** Gives the guest this as its only address, or none. */
  async setAddress(address: string | null): Promise<void> {
    await this.ip('address flush dev eth0', ...(address === null ? [] : [`address add ${address} dev eth0`]));
  }

  async setMac(mac: string): Promise<void> {
    await this.ip('link set eth0 down', `link set eth0 address ${mac}`, 'link set eth0 up');
  }

  /** Number of answers to `count` echo requests. */
  async ping(
    address: string,
    options: { count?: number; size?: number; withinSeconds?: number } = {},
  ): Promise<number> {
    const { count = 2, size = 56, withinSeconds = count + 1 } = options;
    // The exit status says whether every answer came; the count is what matters here.
    const output = await this.exec(
      'sh',
      '-c',
      `busybox ping -A -c ${count} -W 1 -w ${withinSeconds} -s ${size} ${address} || true`,
    );
    return Number(/(\d+) packets received/.exec(output)?.[1] ?? 0);
  }

  /** Asks for a lease for `tries` × 1 s; null when nobody answered. Does not set the address. */
  async dhcp(tries = 5): Promise<Lease | null> {
    const script = join(this.#place.dir, 'lease.sh');
    writeFileSync(script, LEASE_SCRIPT, { mode: 0o755 });
    const asked = ['router', 'dns', 'mtu', 'hostname'].map((option) => `-O ${option}`).join(' ');
    const output = await this.exec(
      'sh',
      '-c',
      `busybox udhcpc -i eth0 -f -n -q -t ${tries} -T 1 ${asked} -s ${script} 2>&1 || true`,
    );
    const [, address, prefixLength, router = '', nameServers = '', mtu = '', hostname = ''] =
      /^lease\|.*$/m.exec(output)?.[0].split('|') ?? [];
    return address === undefined
      ? null
      : { address, prefixLength: Number(prefixLength), router, nameServers, mtu, hostname };
  }

  /** Runs a DHCP server of the guest's own that hands out one address. */
  async serveDhcp(address: string): Promise<void> {
    const path = (suffix: string): string => join(this.#place.dir, `${this.#place.name}.${suffix}`);
    const lines = [
      'interface eth0',
      `start ${address}`,
      `end ${address}`,
      `lease_file ${path('leases')}`,
      `pidfile ${path('udhcpd.pid')}`,
    ];
    writeFileSync(path('leases'), '');
    writeFileSync(path('udhcpd.conf'), `${lines.join('\n')}\n`);
    const argv = [
      'nsenter',
      `--net=/run/netns/${this.#namespace}`,
      'busybox',
      'udhcpd',
      '-f',
      path('udhcpd.conf'),
    ] as const;
    this.#dhcpServer = await spawnDetached({ argv: [...argv], logFile: path('udhcpd.log') });
  }

  /** Packets that have arrived so far. */
  received(): Promise<number> {
    return this.#packets('rx');
  }

  /** Packets that have left so far. */
  sent(): Promise<number> {
    return this.#packets('tx');
  }

  async remove(): Promise<void> {
    if (this.#dhcpServer !== undefined) await terminate(this.#dhcpServer);
    await run(['ip', 'netns', 'delete', this.#namespace]);
  }

  async #packets(direction: 'rx' | 'tx'): Promise<number> {
    const links = JSON.parse(
      await run(['ip', '-n', this.#namespace, '-s', '-j', 'link', 'show', 'eth0']),
    ) as LinkStatistics[];
    return links[0]?.stats64[direction].packets ?? Number.NaN;
  }
}
