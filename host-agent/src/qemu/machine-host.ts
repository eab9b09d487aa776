import type { Event, Machine } from '#contract/generated/agent-host.ts';
import type { AgentLog } from '#libs/agent-http/server.ts';
import type { QemuConfig } from '../config.ts';
import type { KeyedLock } from '#libs/concurrency/keyed-lock.ts';
import type { Accelerator } from './command-line.ts';
import type { HostResources } from './host-resources.ts';
import type { MachineNetwork } from './machine-network.ts';

/** What the machines of one host share. */
export interface MachineHost {
  readonly qemu: QemuConfig;
  readonly accelerator: Accelerator;
  readonly resources: HostResources;
  readonly network: MachineNetwork;
  /** Orders everything that changes one machine. */
  readonly lock: KeyedLock;
  readonly log: AgentLog;
  readonly happened: (type: Event['type'], machineId: string, machine?: Machine) => void;
}
