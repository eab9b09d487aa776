import { StatePaths } from './paths.ts';
import { readLivePid } from '#libs/process/pid-file.ts';
import { readPlan } from './down.ts';
import type { ProcessSpec } from './process-spec.ts';
import { probe } from './ready.ts';
import { readState } from './state.ts';
import type { RegionState } from './state.ts';
import { findLeftovers } from './leftovers.ts';
import { askSupervisor } from './supervisor-control.ts';
import type { ProcessStatus } from './supervised.ts';

/** How one process fares. */
export interface ProcessReport extends ProcessStatus {
  /** `ok`; `done` for a job that has run; `unwell` runs but does not serve; `down` does not run. */
  readonly health: 'ok' | 'done' | 'unwell' | 'down';
  /** Why it is not well. */
  readonly problem: string | null;
  readonly uptimeSeconds: number | null;
}

/** How a region fares. */
export interface RegionReport {
  /** `partial`: some of it runs. */
  readonly state: 'running' | 'partial' | 'stopped';
  readonly stateDir: string;
  readonly simulated: boolean;
  readonly supervised: boolean;
  readonly versions: RegionState['versions'];
  readonly processes: readonly ProcessReport[];
  /** Guests and storage daemons of this region that run. */
  readonly guests: number;
  readonly storageDaemons: number;
}

/** Looks at every process of a region, by asking it. @throws Error when there is no region in the folder */
export async function status(stateDir: string): Promise<RegionReport> {
  const paths = new StatePaths(stateDir);
  const state = readState(paths);
  if (!state) throw new Error(`there is no region in ${paths.root}: ./bastide up makes one`);
  const supervised = await askSupervisor(paths.supervisorSocket, 'status').catch(() => null);
  const known = new Map((supervised ?? []).map((process) => [process.name, process]));
  const processes = await Promise.all(
    readPlan(paths).map(async (spec) => report(spec, known.get(spec.name) ?? fromPidFile(paths, spec))),
  );
  const services = processes.filter(({ kind }) => kind === 'service');
  const leftovers = findLeftovers(paths.root);
  return {
    state:
      services.every(({ health }) => health === 'ok') && supervised
        ? 'running'
        : services.every(({ health }) => health === 'down')
          ? 'stopped'
          : 'partial',
    stateDir: paths.root,
    simulated: state.simulated,
    supervised: supervised !== null,
    versions: state.versions,
    processes,
    guests: leftovers.filter(({ program }) => program.startsWith('qemu-system-')).length,
    storageDaemons: leftovers.filter(({ program }) => program === 'qemu-storage-daemon').length,
  };
}

/** A report as a table for people. */
export function formatReport(report_: RegionReport): string {
  const lines = [
    `Region in ${report_.stateDir}: ${report_.state}${report_.simulated ? ' (simulated)' : ''}${report_.supervised ? '' : ', not supervised'}`,
    `  ${Object.entries(report_.versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(' · ')}`,
    `  ${report_.guests} guests, ${report_.storageDaemons} storage daemons`,
    '',
    `  ${'PROCESS'.padEnd(32)} ${'HEALTH'.padEnd(7)} ${'PID'.padStart(8)} ${'UPTIME'.padStart(9)} ${'RESTARTS'.padStart(8)}  FACTS`,
  ];
  for (const process of report_.processes) {
    const facts = Object.entries(process.facts)
      .map(([key, value]) => `${key}=${value}`)
      .join(' ');
    const uptime = process.uptimeSeconds === null ? '-' : `${process.uptimeSeconds} s`;
    lines.push(
      `  ${process.name.padEnd(32)} ${process.health.padEnd(7)} ${String(process.pid ?? '-').padStart(8)} ${uptime.padStart(9)} ${String(process.restarts).padStart(8)}  ${process.problem ?? facts}`,
    );
  }
  return lines.join('\n');
}

async function report(spec: ProcessSpec, process: ProcessStatus): Promise<ProcessReport> {
  const uptimeSeconds =
    process.startedAt === null ? null : Math.round((Date.now() - Date.parse(process.startedAt)) / 1000);
  if (spec.kind === 'job') {
    const done = process.phase === 'done';
    return {
      ...process,
      health: done ? 'done' : 'down',
      problem: done ? null : process.lastError,
      uptimeSeconds: null,
    };
  }
  if (process.pid === null) return { ...process, health: 'down', problem: process.lastError, uptimeSeconds: null };
  const problem = await probe(spec.ready, 3_000);
  return { ...process, health: problem === null ? 'ok' : 'unwell', problem, uptimeSeconds };
}

function fromPidFile(paths: StatePaths, spec: ProcessSpec): ProcessStatus {
  const pid = readLivePid(paths.pidOf(spec.name))?.pid ?? null;
  const phase = pid === null ? 'waiting' : 'ready';
  return {
    name: spec.name,
    kind: spec.kind,
    phase,
    pid,
    startedAt: null,
    restarts: 0,
    lastError: null,
    tookMs: null,
    facts: spec.kind === 'service' ? (spec.facts ?? {}) : {},
  };
}
