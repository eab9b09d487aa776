import { execFileSync } from 'node:child_process';
import os from 'node:os';

/** One measured number. Names are stable: recorded figures are compared by name. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** How it was taken, in a few words. */
  readonly note: string;
}

/** Takes what a part of the bench finds out as soon as it does, so that a later failure loses nothing. */
export interface Reporter {
  /** Progress, for a person. */
  say(line: string): void;
  add(figure: Figure): void;
}

/** What the figures were taken on. */
export interface MachineDescription {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGib: number;
  readonly kernel: string;
  readonly node: string;
}

/** The content of the file that `--json` writes. */
export interface BenchReport {
  readonly figures: readonly Figure[];
  readonly machine: MachineDescription;
  /** Null outside a git work tree. */
  readonly commit: string | null;
  readonly takenAt: string;
}

/** The smallest value that `share` (0…1) of the values do not exceed. NaN without values. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

export function describeMachine(): MachineDescription {
  return {
    cores: os.availableParallelism(),
    cpu: os.cpus()[0]?.model.trim() ?? 'unknown',
    memoryGib: Math.round(os.totalmem() / 1024 ** 3),
    kernel: os.release(),
    node: process.version,
  };
}

/** The commit of the work tree this runs from. */
export function currentCommit(): string | null {
  try {
    const output = execFileSync('git', ['rev-parse', 'HEAD'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      timeout: 5000,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return output.trim();
  } catch {
    return null;
  }
}

/** Three significant digits: more would promise what a shared machine cannot keep. */
export function readable(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value === 0 || Math.abs(value) >= 100) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}

/** A plain-text table; with recorded figures a column says how the new value compares to the recorded one. */
export function formatTable(figures: readonly Figure[], recorded: ReadonlyMap<string, number>): string {
  const rows = figures.map(({ name, value, unit, note }) => {
    const before = recorded.get(name);
    const ratio = before === undefined || before === 0 ? '' : `×${(value / before).toFixed(2)}`;
    return [name, readable(value), unit, ratio, note];
  });
  const head = ['figure', 'value', 'unit', 'recorded', 'note'];
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 1 ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(head), line(widths.map((width) => '-'.repeat(width))), ...rows.map(line)].join('\n');
}
