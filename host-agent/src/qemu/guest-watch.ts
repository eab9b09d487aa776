import { QgaClient, QgaError } from '#libs/qga/client.ts';
import type { GuestInterface, Machine } from '#contract/generated/agent-host.ts';

/** What one look into the guest found; `os` only when it was asked this time. */
export interface GuestNews {
  readonly version: string;
  readonly addresses: GuestInterface[];
  readonly os?: NonNullable<Machine['os']>;
}

/** Whom a watch tells. */
export interface GuestListener {
  onAnswer(news: GuestNews): void;
  onSilence(): void;
}

const CALM_INTERVAL_MS = 10_000;
const BOOTING_INTERVAL_MS = 1_000;
/** How long after the tools' first answer the network of the guest may still be coming up. */
const SETTLING_MS = 120_000;
const ANSWER_TIMEOUT_MS = 4_000;
/** Name and kernel of the guest change rarely: every so many looks. */
const OS_EVERY = 6;

/**
 * Looks into one guest through its agent: every 10 s, every second while it boots, at once when its agent opens the channel. Asks
 * nothing while the guest's side of the channel is closed or its file systems are frozen.
 */
export class GuestWatch {
  readonly #socketPath: string;
  readonly #listener: GuestListener;
  #client: QgaClient | undefined;
  #timer: NodeJS.Timeout | undefined;
  #open: boolean;
  #paused = false;
  #stopped = false;
  #looking = false;
  #looks = 0;
  #openedAt = performance.now();
  #hasAddress = false;

  constructor(socketPath: string, options: { open: boolean; listener: GuestListener }) {
    this.#socketPath = socketPath;
    this.#listener = options.listener;
    this.#open = options.open;
    if (this.#open) this.#soon(0);
  }

  /** The guest's side of the channel opened or closed (QMP VSERPORT_CHANGE). */
  channel(open: boolean): void {
    this.#open = open;
    this.#looks = 0;
    this.#hasAddress = false;
    this.#openedAt = performance.now();
    if (open) this.#soon(0);
    else clearTimeout(this.#timer);
  }

  /** Runs an agent command. @throws QgaError, QgaUnavailable */
  async execute<T>(command: string, args: object | undefined, timeoutMs: number): Promise<T> {
    return await (await this.#connected()).execute<T>(command, args, { timeoutMs });
  }

  /** Asks the guest to power itself off. @throws QgaUnavailable */
  async shutDown(): Promise<void> {
    await (await this.#connected()).send('guest-shutdown', { mode: 'powerdown' }, { timeoutMs: 2_000 });
  }

  /** No looks while the guest is frozen: its agent refuses most commands then. */
  pause(paused: boolean): void {
    this.#paused = paused;
    if (!paused && this.#open) this.#soon(0);
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
    this.#client?.close();
  }

  #soon(delayMs: number): void {
    clearTimeout(this.#timer);
    if (this.#stopped) return;
    this.#timer = setTimeout(() => void this.#look(), delayMs);
    this.#timer.unref();
  }

  async #look(): Promise<void> {
    if (this.#looking || this.#paused || !this.#open) return;
    this.#looking = true;
    let interval = BOOTING_INTERVAL_MS;
    try {
      const news = await this.#ask();
      this.#hasAddress = news.addresses.some((each) => each.ipv4.length + each.ipv6.length > 0);
      const settling = !this.#hasAddress && performance.now() - this.#openedAt < SETTLING_MS;
      interval = settling ? BOOTING_INTERVAL_MS : CALM_INTERVAL_MS;
      if (!this.#stopped && this.#open) this.#listener.onAnswer(news);
    } catch {
      // Whatever the reason, from here it is a guest whose tools do not answer.
      this.#client?.close();
      this.#client = undefined;
      if (!this.#stopped && this.#open && !this.#paused) this.#listener.onSilence();
    } finally {
      this.#looking = false;
    }
    this.#soon(interval);
  }

  async #ask(): Promise<GuestNews> {
    const ask = async <T>(command: string): Promise<T> => await this.execute<T>(command, undefined, ANSWER_TIMEOUT_MS);
    const { version } = await ask<{ version: string }>('guest-info');
    const addresses = await optional(ask<RawInterface[]>('guest-network-get-interfaces'), []);
    const isFull = this.#looks % OS_EVERY === 0;
    this.#looks += 1;
    if (!isFull) return { version: text(version), addresses: interfacesOf(addresses) };
    const os = await optional(ask<RawOs>('guest-get-osinfo'), {});
    const host = await optional(ask<{ 'host-name'?: string }>('guest-get-host-name'), {});
    return { version: text(version), addresses: interfacesOf(addresses), os: osOf(os, host['host-name']) };
  }

  async #connected(): Promise<QgaClient> {
    if (this.#client === undefined || this.#client.closed)
      this.#client = await QgaClient.connect(this.#socketPath, { timeoutMs: 2_000 });
    return this.#client;
  }
}

interface RawInterface {
  readonly name?: string;
  readonly 'hardware-address'?: string;
  readonly 'ip-addresses'?: readonly { readonly 'ip-address'?: string; readonly 'ip-address-type'?: string }[];
}

interface RawOs {
  readonly id?: string;
  readonly name?: string;
  readonly 'pretty-name'?: string;
  readonly version?: string;
  readonly 'version-id'?: string;
  readonly 'kernel-release'?: string;
}

const MAX_INTERFACES = 64;
const MAX_ADDRESSES = 64;
const MAX_TEXT = 256;

/** What the guest says of its interfaces, without loopback and link-local addresses; sorted, so that equal states compare equal. */
export function interfacesOf(raw: readonly RawInterface[]): GuestInterface[] {
  if (!Array.isArray(raw)) return [];
  return raw
    .filter(
      (each: RawInterface) =>
        typeof each['hardware-address'] === 'string' && each['hardware-address'] !== '00:00:00:00:00:00',
    )
    .slice(0, MAX_INTERFACES)
    .map((each: RawInterface) => {
      const addresses = (each['ip-addresses'] ?? []).slice(0, MAX_ADDRESSES);
      const of = (type: string): string[] =>
        addresses
          .filter((address) => address['ip-address-type'] === type)
          .map((address) => text(address['ip-address']));
      return {
        name: text(each.name),
        macAddress: text(each['hardware-address']).toLowerCase(),
        ipv4: of('ipv4').toSorted(),
        ipv6: of('ipv6')
          .filter((address) => !/^fe[89ab]/i.test(address))
          .toSorted(),
      };
    })
    .toSorted((left, right) => left.name.localeCompare(right.name));
}

function osOf(raw: RawOs, hostname: string | undefined): NonNullable<Machine['os']> {
  const members = {
    id: raw.id,
    name: raw['pretty-name'] ?? raw.name,
    version: raw['version-id'] ?? raw.version,
    kernel: raw['kernel-release'],
    hostname,
  };
  return Object.fromEntries(
    Object.entries(members).flatMap(([key, value]) => (typeof value === 'string' ? [[key, text(value)]] : [])),
  );
}

/** A guest's answer as short text: it may be anything. */
function text(value: unknown): string {
  return typeof value === 'string' ? value.slice(0, MAX_TEXT) : '';
}

async function optional<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    // Administrators may forbid single commands, and old agents lack some.
    if (error instanceof QgaError) return otherwise;
    throw error;
  }
}
