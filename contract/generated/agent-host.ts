// Generated from contract/agents/host.yaml by tools/generate.ts. Do not edit.

export interface Problem {
  code: string;
  /** One sentence that an operator can act on. */
  message: string;
}

export interface Host {
  id: string;
  name: string;
  /** Agent version and, for QEMU, the hypervisor build. */
  version: string;
  hypervisor?: string;
  driver: 'qemu' | 'simulated';
  /** Decided by running a tiny guest. */
  accelerator: 'kvm' | 'tcg' | 'none';
  cpu: {
    cores: number;
    model?: string;
  };
  /** Memory offered to machines. */
  memoryMib: number;
  memoryUsedMib?: number;
  machineCount: number;
  startedAt: string;
  healthy: boolean;
  /** What is degraded, e.g. "cgroup v2 cpu controller is not available: CPU weights are not enforced". */
  problems: string[];
}

export interface MachineSpec {
  /** Rises with every change of the wanted state. */
  generation: number;
  name: string;
  power: 'on' | 'off';
  /** How long a guest may take to shut down by itself when power goes off (agent shutdown, then ACPI) before it is killed. Default 30; 0 kills at once. */
  stopGraceSeconds?: number;
  vcpus: number;
  memoryMib: number;
  cpu: {
    /** shared = weight (Development, General Purpose); dedicated = pinned cores where there are enough (Performance). */
    policy: 'shared' | 'dedicated';
    /** cgroup v2 cpu.weight of a shared machine. */
    weight?: number;
  };
  /** NoCloud seed; written once, before the first start. Later changes are ignored. */
  cloudInit?: {
    metaData: string;
    userData?: string;
    networkConfig?: string;
  };
  /** In order of position; the first is the boot disk. */
  disks: DiskSpec[];
  adapters: AdapterSpec[];
  restart: {
    /** What to do when QEMU ends without a guest shutdown. */
    policy: 'on_crash' | 'never';
    /** Default 5; then the machine stays off with status crashed. */
    maxPerHour?: number;
  };
}

export interface DiskSpec {
  volumeId: string;
  position: number;
  /** virtio-blk serial seen by the guest. */
  serial: string;
  /** Wanted size; a running machine is told when it grew (block_resize). */
  sizeBytes?: number;
  nbd: NbdEndpoint;
}

export interface NbdEndpoint {
  /** Unix socket; else host and port with TLS. */
  socketPath?: string;
  host?: string;
  port?: number;
  export: string;
}

export interface AdapterSpec {
  adapterId: string;
  /** OVN logical switch port (external_ids:iface-id on the OVS interface). Normally the adapter id. */
  portName: string;
  macAddress: string;
  deviceIndex: number;
  mtu?: number;
}

export interface Machine {
  id: string;
  generation: number;
  /** Observed. */
  power: 'on' | 'off';
  /** stopped = off after a request or after the guest powered itself off; crashed = off without either. */
  status: 'running' | 'paused' | 'stopped' | 'crashed' | 'migrating';
  startedAt?: string | null;
  stoppedAt?: string | null;
  stopCause?: 'requested' | 'guest' | 'crash' | 'host_lost' | null;
  /** Last lines of QEMU's stderr after a crash. */
  stopDetail?: string | null;
  /** Automatic restarts in the last hour. */
  restarts: number;
  tools: Tools;
  addresses: GuestInterface[];
  os?: {
    id?: string;
    name?: string;
    version?: string;
    kernel?: string;
    hostname?: string;
  } | null;
  /** Volume ids plugged. */
  disks: string[];
  /** Adapter ids plugged. */
  adapters: string[];
  pid?: number | null;
}

export interface Tools {
  /** TOL-05. unknown = off, or on for less than the boot allowance without an answer. */
  state: 'ok' | 'outdated' | 'disabled' | 'absent' | 'unknown';
  since: string;
  version?: string | null;
}

export interface GuestInterface {
  name?: string;
  macAddress: string;
  ipv4: string[];
  /** Link-local ones are left out. */
  ipv6: string[];
}

export interface Event {
  id: number;
  at: string;
  type: 'started' | 'stopped' | 'crashed' | 'restarted' | 'tools' | 'addresses' | 'deleted';
  machineId: string;
  machine?: Machine;
}

export interface EventList {
  /** Changes when the agent lost its event memory. */
  epoch: string;
  events: Event[];
  last: number;
}

/** Every operation: what it takes and what it answers per status. */
export interface Operations {
  /** GET /v1/host - What this host is and how it fares */
  getHost: {
    anonymous: true;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Host;
    };
  };
  /** GET /v1/machines - Every machine this host holds, also those that are off */
  listMachines: {
    anonymous: true;
    params: Record<string, never>;
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Machine[];
    };
  };
  /** GET /v1/machines/{machineId} - One machine as observed */
  getMachine: {
    anonymous: true;
    params: { machineId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      200: Machine;
      404: Problem;
    };
  };
  /** PUT /v1/machines/{machineId} - Make this machine so */
  putMachine: {
    anonymous: true;
    params: { machineId: string };
    query: Record<string, never>;
    body: MachineSpec;
    responses: {
      200: Machine;
      409: Problem;
      422: Problem;
      507: Problem;
    };
  };
  /** DELETE /v1/machines/{machineId} - Remove this machine and everything the host keeps for it */
  deleteMachine: {
    anonymous: true;
    params: { machineId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      204: undefined;
    };
  };
  /** POST /v1/machines/{machineId}/reset - Hard reset of a running machine */
  resetMachine: {
    anonymous: true;
    params: { machineId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      204: undefined;
      404: Problem;
      409: Problem;
    };
  };
  /** POST /v1/machines/{machineId}/freeze - Freeze the guest's file systems through its agent */
  freezeMachine: {
    anonymous: true;
    params: { machineId: string };
    query: Record<string, never>;
    body: {
      autoThawSeconds: number;
    };
    responses: {
      200: {
        frozen: boolean;
        filesystems?: number;
      };
      404: Problem;
    };
  };
  /** POST /v1/machines/{machineId}/thaw - Thaw the guest's file systems; a no-op when they are not frozen */
  thawMachine: {
    anonymous: true;
    params: { machineId: string };
    query: Record<string, never>;
    body: undefined;
    responses: {
      204: undefined;
      404: Problem;
    };
  };
  /** GET /v1/machines/{machineId}/serial - The kept serial output */
  readSerial: {
    anonymous: true;
    params: { machineId: string };
    query: { offset?: number; follow?: boolean };
    body: undefined;
    responses: {
      200: string;
      404: Problem;
    };
  };
  /** GET /v1/events - What happened to machines, oldest first; waits for news */
  listEvents: {
    anonymous: true;
    params: Record<string, never>;
    query: { after?: number; waitMs?: number };
    body: undefined;
    responses: {
      200: EventList;
    };
  };
}
