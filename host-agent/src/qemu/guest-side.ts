import { isDeepStrictEqual } from 'node:util';
import type { GuestInterface, Machine } from '#contract/generated/agent-host.ts';
import type { AgentLog } from '#libs/agent-http/server.ts';
import type { FreezeOutcome } from '../driver.ts';
import { GuestWatch } from './guest-watch.ts';
import type { GuestNews } from './guest-watch.ts';
import { toolsAfter } from './tools-state.ts';
import type { ToolsInput, ToolsMemory } from './tools-state.ts';

/** Where the guest side of a machine keeps its tools' state, and whom it tells of news. */
export interface GuestSideOptions {
  readonly socketPath: string;
  readonly minimumVersion: string | undefined;
  readonly log: AgentLog;
  readonly tools: () => ToolsMemory;
  readonly keepTools: (tools: ToolsMemory) => void;
  readonly happened: (type: 'tools' | 'addresses') => void;
}

const THAW_TIMEOUT_MS = 10_000;
const FREEZE_TIMEOUT_MS = 20_000;

/** What is known of the inside of a machine through its guest agent: tools (TOL-05), addresses, operating system, freeze. */
export class GuestSide {
  addresses: GuestInterface[] = [];
  os: NonNullable<Machine['os']> | null = null;
  readonly #options: GuestSideOptions;
  #watch: GuestWatch | undefined;
  #thawTimer: NodeJS.Timeout | undefined;

  constructor(options: GuestSideOptions) {
    this.#options = options;
  }

  /** Whether the tools answered last. */
  get answers(): boolean {
    const { state } = this.#options.tools();
    return this.#watch !== undefined && (state === 'ok' || state === 'outdated');
  }

  /** The machine is on from now. `open` = its agent already has the channel (a machine that was taken over). */
  start(open: boolean): void {
    this.#watch?.stop();
    this.#watch = new GuestWatch(this.#options.socketPath, {
      open,
      listener: { onAnswer: (news) => this.#onAnswer(news), onSilence: () => this.note({ kind: 'silent' }) },
    });
    // A caller that froze the guest may have waited for an agent that died since.
    if (open) void this.thaw();
  }

  /** The machine is off. Addresses are forgotten; the operating system is still the one on its disk. */
  stop(): void {
    this.#watch?.stop();
    this.#watch = undefined;
    this.addresses = [];
    clearTimeout(this.#thawTimer);
  }

  /** The guest's side of the agent's channel opened or closed. */
  channel(open: boolean): void {
    this.note({ kind: open ? 'opened' : 'closed' });
    this.#watch?.channel(open);
  }

  /** Takes note of what the tools' state follows from. */
  note(input: ToolsInput): void {
    const before = this.#options.tools();
    const tools = toolsAfter(before, input, { now: Date.now(), minimumVersion: this.#options.minimumVersion });
    if (isDeepStrictEqual(before, tools)) return;
    this.#options.keepTools(tools);
    // Start and stop are told as such.
    if (before.state !== tools.state && input.kind !== 'started' && input.kind !== 'stopped')
      this.#options.happened('tools');
  }

  /** Asks the guest to power itself off; false when its tools do not take the order. */
  async shutDown(): Promise<boolean> {
    try {
      await this.#watch?.shutDown();
      return this.#watch !== undefined;
    } catch {
      return false;
    }
  }

  async freeze(autoThawSeconds: number): Promise<FreezeOutcome> {
    const watch = this.#watch;
    if (watch === undefined || !this.answers) return { frozen: false };
    clearTimeout(this.#thawTimer);
    watch.pause(true);
    const limitMs = autoThawSeconds * 1000;
    this.#thawTimer = setTimeout(() => void this.thaw(), limitMs);
    try {
      const timeoutMs = Math.min(limitMs, FREEZE_TIMEOUT_MS);
      return { frozen: true, filesystems: await watch.execute<number>('guest-fsfreeze-freeze', undefined, timeoutMs) };
    } catch (error) {
      this.#options.log.warn({ err: error }, 'the guest did not freeze');
      await this.thaw();
      return { frozen: false };
    }
  }

  async thaw(): Promise<void> {
    clearTimeout(this.#thawTimer);
    const watch = this.#watch;
    if (watch === undefined || !this.answers) return;
    await watch.execute('guest-fsfreeze-thaw', undefined, THAW_TIMEOUT_MS).catch((error: unknown) => {
      this.#options.log.warn({ err: error }, 'the guest did not answer a thaw');
    });
    watch.pause(false);
  }

  /** Lets go of the guest, which runs on. */
  close(): void {
    clearTimeout(this.#thawTimer);
    this.#watch?.stop();
  }

  #onAnswer(news: GuestNews): void {
    if (news.os !== undefined) this.os = news.os;
    const moved = !isDeepStrictEqual(this.addresses, news.addresses);
    this.addresses = news.addresses;
    this.note({ kind: 'answered', version: news.version });
    if (moved) this.#options.happened('addresses');
  }
}
