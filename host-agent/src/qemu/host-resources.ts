import type { MachineSpec } from '#contract/generated/agent-host.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import type { Cgroups } from '../cgroup.ts';
import { TCG_CODE_MIB } from './command-line.ts';
import { allocateCores, sharedCores } from './core-allocator.ts';

type Wanted = Pick<MachineSpec, 'vcpus' | 'memoryMib' | 'cpu'>;

interface Share extends Wanted {
  readonly cores: readonly number[] | null;
}

const DEFAULT_WEIGHT = 100;
/** QEMU's own memory beside the guest's: video memory, device state, buffers, its heap. */
const OVERHEAD_MIB = 256 + TCG_CODE_MIB;
/** QEMU's threads beside the guest's processors: main loop, RCU, VNC, up to 64 I/O workers. */
const EXTRA_PIDS = 128;

/** What the machines that are on hold of this host: memory, cores and their control groups. */
export class HostResources {
  readonly #cgroups: Cgroups;
  readonly #cores: number;
  readonly #memoryMib: number;
  readonly #shares = new Map<string, Share>();

  constructor(options: { cgroups: Cgroups; cores: number; memoryMib: number }) {
    this.#cgroups = options.cgroups;
    this.#cores = options.cores;
    this.#memoryMib = options.memoryMib;
  }

  /**
   * Gives a machine its share, or changes it. `adopted` machines hold theirs already, whatever the host has.
   * @throws AgentProblem 507 `insufficient_memory`
   */
  take(machineId: string, wanted: Wanted, options: { adopted: boolean } = { adopted: false }): void {
    const others = this.memoryUsedMib - (this.#shares.get(machineId)?.memoryMib ?? 0);
    if (!options.adopted && others + wanted.memoryMib > this.#memoryMib) {
      const free = this.#memoryMib - others;
      throw new AgentProblem(
        507,
        'insufficient_memory',
        `this host has ${free} MiB free of ${this.#memoryMib}; the machine needs ${wanted.memoryMib}`,
      );
    }
    const before = this.#shares.get(machineId);
    const keeps = before?.cpu.policy === 'dedicated' && before.vcpus === wanted.vcpus ? before.cores : null;
    this.#shares.delete(machineId);
    const cores =
      wanted.cpu.policy === 'shared' ? null : (keeps ?? allocateCores(this.#cores, this.#pinned(), wanted.vcpus));
    this.#shares.set(machineId, { ...wanted, cores });
    this.#apply(machineId);
    if ((before?.cores ?? null) !== null || cores !== null) this.#rebalance();
  }

  /** Puts a machine's process under its limits. */
  enter(machineId: string, pid: number): void {
    this.#cgroups.enter(machineId, pid);
  }

  /** Takes a share back; also when there is none. */
  release(machineId: string): void {
    const share = this.#shares.get(machineId);
    this.#shares.delete(machineId);
    this.#cgroups.remove(machineId);
    if ((share?.cores ?? null) !== null) this.#rebalance();
  }

  /** Clears the groups of machines that are not on: left by an agent that was killed, or busy when the machine ended. */
  clear(): void {
    this.#cgroups.removeUnknown(new Set(this.#shares.keys()));
  }

  get memoryUsedMib(): number {
    return [...this.#shares.values()].reduce((sum, share) => sum + share.memoryMib, 0);
  }

  /** What operators should know. */
  problems(): string[] {
    const unpinned = [...this.#shares].filter(([, share]) => share.cpu.policy === 'dedicated' && share.cores === null);
    return [
      ...this.#cgroups.problems,
      ...unpinned.map(
        ([id, share]) =>
          `machine ${id} wants ${share.vcpus} dedicated cores but too few are free: it runs on shared ones`,
      ),
    ];
  }

  #pinned(): (readonly number[])[] {
    return [...this.#shares.values()].flatMap((share) => (share.cores === null ? [] : [share.cores]));
  }

  /** Machines on shared cores make room for pinned ones, or get cores back. */
  #rebalance(): void {
    for (const [id, share] of this.#shares) if (share.cores === null) this.#apply(id);
  }

  #apply(machineId: string): void {
    const share = this.#shares.get(machineId);
    if (share === undefined) return;
    this.#cgroups.apply(machineId, {
      weight: share.cpu.weight ?? DEFAULT_WEIGHT,
      cores: share.cores ?? sharedCores(this.#cores, this.#pinned()),
      memoryMib: share.memoryMib + OVERHEAD_MIB,
      pids: share.vcpus + EXTRA_PIDS,
    });
  }
}
