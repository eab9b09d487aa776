/** The control plane's configuration file. */
import { readFileSync } from 'node:fs';
import type { TlsIdentity } from '#libs/agent-http/tls-identity.ts';
import type { NetworkConfig } from './network/driver/create.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

export interface ControlPlaneConfig {
  /** Name of this replica; stable over restarts. */
  readonly name: string;
  readonly database: { readonly url: string };
  /** Certificate of the listeners; paths of PEM files. */
  readonly tls: TlsIdentity;
  readonly jwtKeyFile: string;
  readonly listeners: {
    readonly tenant: ListenAddress;
    /** Plain HTTP, for loopback only; null = none. */
    readonly plain: ListenAddress | null;
    readonly provider: ListenAddress;
  };
  /** What this replica shows to agents. */
  readonly agents: TlsIdentity;
  readonly network: NetworkConfig;
  readonly rateLimits: { readonly enabled: boolean; readonly exemptLoopback: boolean };
  readonly imagesDir: string;
  readonly logLevel: string;
  /** Check answers against the contract: on in every test. */
  readonly validateResponses?: boolean;
}

/** Reads `--config FILE` of a command line. @throws when it is not given, cannot be read, or lacks a member */
export function readConfig(argv: readonly string[]): ControlPlaneConfig {
  const at = argv.indexOf('--config');
  const file = at < 0 ? undefined : argv[at + 1];
  if (file === undefined) throw new Error('usage: --config FILE');
  const config = JSON.parse(readFileSync(file, 'utf8')) as ControlPlaneConfig;
  const needed = [
    'name',
    'database',
    'tls',
    'jwtKeyFile',
    'listeners',
    'agents',
    'network',
    'rateLimits',
    'imagesDir',
  ] as const;
  const missing = needed.filter((member) => config[member] === undefined);
  if (missing.length > 0) throw new Error(`${file}: missing ${missing.join(', ')}`);
  const { plain } = config.listeners;
  if (plain !== null && !['127.0.0.1', '::1', 'localhost'].includes(plain.host))
    throw new Error(`${file}: the plain listener may only be on loopback, not on ${plain.host}`);
  return config;
}
