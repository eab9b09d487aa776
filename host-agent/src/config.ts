import { readFileSync } from 'node:fs';
import type { TlsIdentity } from '#libs/agent-http/tls-identity.ts';

/** How QEMU is run: as whom, and where the accelerator decision is kept. */
export interface QemuConfig {
  readonly binary: string;
  readonly uid: number;
  readonly gid: number;
  readonly acceleratorCacheFile: string;
  /** A Linux kernel to try KVM with; null = a generated boot sector. */
  readonly probeKernel: string | null;
  /** Oldest guest agent that counts as current (TOL-05 `outdated` below it), e.g. `5.2`; any when absent. */
  readonly toolsMinimumVersion?: string;
}

/** Which Open vSwitch the adapters are plugged into. */
export interface OvsConfig {
  readonly dbSocket: string;
  readonly bridge: string;
}

/** One host agent's configuration file. */
export interface HostAgentConfig {
  readonly id: string;
  readonly name: string;
  readonly zone: string;
  readonly endpoint: string;
  readonly tls: TlsIdentity;
  readonly stateDir: string;
  readonly runDir: string;
  readonly driver: 'qemu';
  /** Memory offered to machines. */
  readonly memoryMib: number;
  readonly qemu: QemuConfig;
  /** null: adapters are tap devices that lead nowhere (tests). */
  readonly ovs: OvsConfig | null;
  /** Name of our branch in every cgroup hierarchy. */
  readonly cgroupRoot: string;
}

/** Reads `--config FILE`. @throws Error that names what is missing */
export function readConfig(argv: readonly string[]): HostAgentConfig {
  const at = argv.indexOf('--config');
  const file = at < 0 ? undefined : argv[at + 1];
  if (file === undefined) throw new Error('usage: main.ts --config FILE');
  const config = JSON.parse(readFileSync(file, 'utf8')) as HostAgentConfig;
  const needed = ['id', 'name', 'endpoint', 'tls', 'stateDir', 'runDir', 'memoryMib', 'qemu', 'cgroupRoot'] as const;
  const missing = needed.filter((key) => config[key] === undefined);
  if (missing.length > 0) throw new Error(`${file}: missing ${missing.join(', ')}`);
  if (config.driver !== 'qemu') throw new Error(`${file}: driver '${String(config.driver)}' is not known`);
  return config;
}
