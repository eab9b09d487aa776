import { chmodSync, chownSync, existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Machine, MachineSpec } from '#contract/generated/agent-host.ts';
import type { AgentLog } from '#libs/agent-http/server.ts';
import { readIfPresent, writeJsonAtomic } from '#libs/process/atomic-file.ts';
import type { ProcessIdentity } from '#libs/process/identity.ts';
import { withoutSeed } from '../generation.ts';
import type { Hardware } from './hardware.ts';
import type { MachinePaths } from './machine-paths.ts';
import { toolsAfter, toolsUnknown } from './tools-state.ts';
import type { ToolsMemory } from './tools-state.ts';
import type { QemuUser } from './unprivileged.ts';

/** Why a machine is off. */
export type StopCause = NonNullable<Machine['stopCause']>;

/** What the agent must still know of a machine after its own restart. Times are ms since the epoch. */
export interface MachineRecord {
  /** Whether the spec beside it was reached. */
  readonly converged: boolean;
  /** The QEMU that was started; null while off. */
  readonly process: ProcessIdentity | null;
  /** What the last QEMU was given; adapters keep their ports by it. */
  readonly hardware: Hardware | null;
  readonly crashed: boolean;
  readonly startedAt: number | null;
  readonly stoppedAt: number | null;
  readonly stopCause: StopCause | null;
  readonly stopDetail: string | null;
  readonly restarts: readonly number[];
  readonly tools: ToolsMemory;
}

/** The record of a machine that was never started. */
export function freshRecord(now: number): MachineRecord {
  return {
    converged: false,
    process: null,
    hardware: null,
    crashed: false,
    startedAt: null,
    stoppedAt: null,
    stopCause: null,
    stopDetail: null,
    restarts: [],
    tools: toolsUnknown(now),
  };
}

/** What a record becomes when QEMU has ended. */
export function stoppedRecord(
  tools: ToolsMemory,
  how: { readonly cause: StopCause; readonly detail: string | null; readonly now: number },
): Partial<MachineRecord> {
  const { cause, detail, now } = how;
  return {
    process: null,
    crashed: cause === 'crash' || cause === 'host_lost',
    stoppedAt: now,
    stopCause: cause,
    stopDetail: detail,
    tools: toolsAfter(tools, { kind: 'stopped' }, { now }),
  };
}

/** Makes the folders of a machine: only root writes there, but for QEMU's own sub-folders. Repeatable. */
export function makeFolders(paths: MachinePaths, user: QemuUser): void {
  const isRoot = process.getuid?.() === 0;
  mkdirSync(paths.folder, { recursive: true });
  if (isRoot) chownSync(paths.folder, 0, user.gid);
  chmodSync(paths.folder, 0o710);
  for (const folder of [paths.guestFolder, paths.runFolder]) {
    mkdirSync(folder, { recursive: true });
    if (isRoot) chownSync(folder, user.uid, user.gid);
    chmodSync(folder, 0o700);
  }
  if (existsSync(paths.serialLog)) return;
  writeFileSync(paths.serialLog, '', { mode: 0o600 });
  if (isRoot) chownSync(paths.serialLog, user.uid, user.gid);
}

export function saveSpec(paths: MachinePaths, spec: MachineSpec): void {
  writeJsonAtomic(paths.spec, withoutSeed(spec), { mode: 0o600 });
}

export function saveRecord(paths: MachinePaths, record: MachineRecord): void {
  writeJsonAtomic(paths.record, record, { mode: 0o600 });
}

/** For what happened and cannot be refused: a full disk must not end the agent. */
export function saveRecordIfPossible(paths: MachinePaths, record: MachineRecord, log: AgentLog): void {
  try {
    saveRecord(paths, record);
  } catch (error) {
    log.error({ err: error, record: paths.record }, 'the record of a machine could not be written');
  }
}

/** What was kept of a machine; null when its creation was never finished. */
export function loadMachine(paths: MachinePaths, now: number): { spec: MachineSpec; record: MachineRecord } | null {
  const spec = readIfPresent(paths.spec);
  if (spec === null) return null;
  const record = readIfPresent(paths.record);
  return {
    spec: JSON.parse(spec) as MachineSpec,
    record: record === null ? freshRecord(now) : (JSON.parse(record) as MachineRecord),
  };
}

/** Forgets a machine; the spec goes first, as a folder without one is cleared at the next start. */
export function removeFolders(paths: MachinePaths): void {
  rmSync(paths.spec, { force: true });
  rmSync(paths.runFolder, { recursive: true, force: true });
  rmSync(paths.folder, { recursive: true, force: true });
}
