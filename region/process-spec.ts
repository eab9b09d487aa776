/** How the supervisor knows that a process serves. */
export type ReadyCheck =
  | { readonly kind: 'unix-socket'; readonly path: string }
  /** `GET path` on an endpoint (`unix:/a.sock`, `unix:/a.sock#/prefix`, `https://host:port`) answers 2xx. */
  | { readonly kind: 'http'; readonly endpoint: string; readonly path: string; readonly tls: TlsClientFiles }
  /** A command ends with status 0 and, when told, prints this text. */
  | { readonly kind: 'command'; readonly argv: readonly [string, ...string[]]; readonly prints?: string }
  | { readonly kind: 'postgres'; readonly url: string; readonly database: string };

/** Files a client presents itself with. */
export interface TlsClientFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** How a process is asked to end. */
export interface StopSpec {
  /** Run first; for daemons that are told over a control socket. */
  readonly argv?: readonly [string, ...string[]];
  /** SIGTERM by default. */
  readonly signal?: NodeJS.Signals;
  /** Milliseconds until SIGKILL. */
  readonly graceMs: number;
}

interface CommonSpec {
  /** Unique; names the pid file, the log file and the line of `status`. */
  readonly name: string;
  readonly argv: readonly [string, ...string[]];
  readonly cwd?: string;
  /** The whole environment. */
  readonly env?: Readonly<Record<string, string>>;
  readonly uid?: number;
  readonly gid?: number;
  /** Name of the network namespace it runs in (see ip-netns(8)). */
  readonly netns?: string;
  /** Names of what must be ready, or done, before. */
  readonly dependsOn: readonly string[];
}

/** A process that runs for as long as the region does and is respawned when it ends. */
export interface ServiceSpec extends CommonSpec {
  readonly kind: 'service';
  readonly ready: ReadyCheck;
  /** Milliseconds until a start counts as failed. */
  readonly readyTimeoutMs: number;
  readonly stop: StopSpec;
  /** `down --keep-guests` leaves it running: guests need it. */
  readonly servesGuests: boolean;
  /** Port, socket or version, for `status`. */
  readonly facts?: Readonly<Record<string, string>>;
  /** A change of it restarts the process though its command line is the same (content of configuration, certificate). */
  readonly fingerprint?: string;
}

/** A command that runs to its end at every `up`. */
export interface JobSpec extends CommonSpec {
  readonly kind: 'job';
  readonly timeoutMs: number;
  /** Run it again whenever a service it depends on was respawned: what it had set up died with that one. */
  readonly afterRespawn: boolean;
}

/** Anything the supervisor runs. */
export type ProcessSpec = ServiceSpec | JobSpec;

/** The command line with its network namespace entered. */
export function commandLine(spec: Pick<CommonSpec, 'argv' | 'netns'>): readonly [string, ...string[]] {
  // Not `ip netns exec`: that one mounts a fresh /sys, and the cgroup tree is gone from sight.
  return spec.netns === undefined ? spec.argv : ['nsenter', `--net=/run/netns/${spec.netns}`, '--', ...spec.argv];
}
