import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What one machine may use. */
export interface MachineLimits {
  /** cgroup v2 weight, 1…10,000; 100 is even. */
  readonly weight: number;
  /** Cores a dedicated machine is pinned to; null = any that are not pinned. */
  readonly cores: readonly number[];
  readonly memoryMib: number;
  readonly pids: number;
}

interface Hierarchies {
  /** The unified hierarchy, when it has the cpu controller. */
  readonly v2: string | null;
  /** Mounted v1 controllers by name. */
  readonly v1: ReadonlyMap<string, string>;
}

/** Where this machine's cgroup hierarchies are mounted (proc(5), mounts). */
export function hierarchies(mounts: string, hasCpu: (folder: string) => boolean): Hierarchies {
  const v1 = new Map<string, string>();
  let v2: string | null = null;
  for (const line of mounts.split('\n')) {
    const [, folder = '', type = '', options = ''] = line.split(' ');
    if (type === 'cgroup2' && hasCpu(folder)) v2 = folder;
    if (type !== 'cgroup') continue;
    for (const option of options.split(','))
      if (['cpu', 'cpuset', 'memory', 'pids'].includes(option)) v1.set(option, folder);
  }
  return { v2, v1 };
}

/**
 * One group per machine under `<branch>/`. cgroup v2 is taken when it has the cpu controller, else v1. What the kernel does not offer
 * is not enforced and listed in `problems`.
 */
export class Cgroups {
  readonly problems: string[] = [];
  readonly #branch: string;
  readonly #v2: string | null;
  readonly #v1: ReadonlyMap<string, string>;

  constructor(branch: string, found: Hierarchies = mounted()) {
    this.#branch = branch;
    this.#v2 = found.v2;
    this.#v1 = found.v2 === null ? found.v1 : new Map();
    if (process.getuid?.() !== 0) {
      this.problems.push('not root: CPU weights, pinned cores and memory limits are not enforced');
      this.#v2 = null;
      this.#v1 = new Map();
    } else if (this.#v2 === null && !this.#v1.has('cpu')) {
      this.problems.push('no cgroup cpu controller is available: CPU weights are not enforced');
    }
  }

  /** Makes or changes the group of a machine. @throws the system's error */
  apply(machineId: string, limits: MachineLimits): void {
    const memory = String(limits.memoryMib * 1024 * 1024);
    const cores = limits.cores.join(',');
    if (this.#v2 !== null) {
      const folder = this.#v2Folder(machineId);
      write(folder, 'cpu.weight', String(limits.weight));
      write(folder, 'memory.max', memory);
      write(folder, 'pids.max', String(limits.pids));
      if (existsSync(join(folder, 'cpuset.cpus'))) write(folder, 'cpuset.cpus', cores);
    }
    for (const [controller, root] of this.#v1) {
      const folder = this.#v1Folder(root, machineId);
      // cpu.shares counts from 1024 where a weight counts from 100; the kernel takes no less than 2.
      if (controller === 'cpu')
        write(folder, 'cpu.shares', String(Math.max(2, Math.round((limits.weight * 1024) / 100))));
      if (controller === 'memory') write(folder, 'memory.limit_in_bytes', memory);
      if (controller === 'pids') write(folder, 'pids.max', String(limits.pids));
      if (controller === 'cpuset') write(folder, 'cpuset.cpus', cores);
    }
  }

  /** Moves a process with all its threads into the machine's group. */
  enter(machineId: string, pid: number): void {
    for (const folder of this.#folders(machineId)) write(folder, 'cgroup.procs', String(pid));
  }

  /** Removes the group of a machine whose processes have ended. */
  remove(machineId: string): void {
    for (const folder of this.#folders(machineId)) removeGroup(folder);
  }

  /** Removes the groups of machines that are not in `known`: left over from an agent that was killed, or busy when they ended. */
  removeUnknown(known: ReadonlySet<string>): void {
    for (const branch of this.#folders('')) {
      if (!existsSync(branch)) continue;
      const groups = readdirSync(branch, { withFileTypes: true }).filter((entry) => entry.isDirectory());
      for (const { name } of groups) if (!known.has(name)) removeGroup(join(branch, name));
    }
  }

  /** Removes everything of ours; false while something is still busy. */
  removeBranch(): boolean {
    this.removeUnknown(new Set());
    const branches = this.#folders('');
    for (const branch of branches) removeGroup(branch);
    return branches.every((branch) => !existsSync(branch));
  }

  #folders(machineId: string): string[] {
    if (this.#v2 !== null) return [join(this.#v2, this.#branch, machineId)];
    return [...this.#v1.values()].map((root) => join(root, this.#branch, machineId));
  }

  #v2Folder(machineId: string): string {
    let folder = this.#v2 ?? '';
    for (const part of [...this.#branch.split('/'), machineId]) {
      const offered = readFileSync(join(folder, 'cgroup.controllers'), 'utf8').trim().split(' ');
      const wanted = offered
        .filter((name) => ['cpu', 'cpuset', 'memory', 'pids'].includes(name))
        .map((name) => `+${name}`);
      write(folder, 'cgroup.subtree_control', wanted.join(' '));
      folder = join(folder, part);
      mkdirSync(folder, { recursive: true });
    }
    return folder;
  }

  #v1Folder(root: string, machineId: string): string {
    let folder = root;
    for (const part of [...this.#branch.split('/'), machineId]) {
      const parent = folder;
      folder = join(folder, part);
      mkdirSync(folder, { recursive: true });
      // A new v1 cpuset is empty and takes no process.
      for (const file of ['cpuset.mems', 'cpuset.cpus']) {
        const path = join(folder, file);
        if (existsSync(path) && readFileSync(path, 'utf8').trim() === '')
          write(folder, file, readFileSync(join(parent, file), 'utf8').trim());
      }
    }
    return folder;
  }
}

function mounted(): Hierarchies {
  const hasCpu = (folder: string): boolean => {
    const file = join(folder, 'cgroup.controllers');
    return existsSync(file) && readFileSync(file, 'utf8').split(/\s/).includes('cpu');
  };
  return hierarchies(existsSync('/proc/mounts') ? readFileSync('/proc/mounts', 'utf8') : '', hasCpu);
}

function removeGroup(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    // Busy while the last threads of an ended process go: `removeUnknown` comes by again.
    if (!(error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'EBUSY')))
      throw error;
  }
}

function write(folder: string, file: string, value: string): void {
  writeFileSync(join(folder, file), value);
}
