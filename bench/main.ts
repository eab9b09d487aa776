import { readFileSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { fullSizes, measureControl, quickSizes } from './control.ts';
import { currentCommit, describeMachine, formatTable, readable } from './figures.ts';
import type { BenchReport, Figure, Reporter } from './figures.ts';
import { measureNetwork } from './network.ts';
import { measureQemu } from './qemu.ts';
import { measureStorage } from './storage.ts';

const usage = `usage: bastide bench [--json FILE] [--only control|network|qemu|storage] [--quick]

Starts throw-away regions in temporary folders, measures, prints a table. Recorded figures (bench/recorded.json) are
compared as ratios; a slower figure is never an error.`;

/** A group of figures that can be measured alone. */
type Part = 'control' | 'network' | 'qemu' | 'storage';
const parts: readonly Part[] = ['control', 'network', 'qemu', 'storage'];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      json: { type: 'string' },
      only: { type: 'string' },
      quick: { type: 'boolean', default: false },
      help: { type: 'boolean' },
    },
  });
  if (values.help === true || (values.only !== undefined && !parts.some((part) => part === values.only))) {
    process.stderr.write(`${usage}\n`);
    process.exitCode = values.help === true ? 0 : 2;
    return;
  }
  const figures: Figure[] = [];
  const failures: string[] = [];
  for (const part of parts) {
    if (values.only !== undefined && values.only !== part) continue;
    try {
      await measure(part, values.quick, { say, add: (figure) => take(figures, figure) });
    } catch (error) {
      // The other parts may still be measured; what failed is told at the end.
      failures.push(`${part}: ${error instanceof Error ? error.message : String(error)}`);
      say(`${part} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    }
  }
  const report: BenchReport = {
    figures,
    machine: describeMachine(),
    commit: currentCommit(),
    takenAt: new Date().toISOString(),
  };
  const { machine } = report;
  process.stdout.write(
    `${machine.cores} cores (${machine.cpu}), ${machine.memoryGib} GiB, Linux ${machine.kernel}, Node ${machine.node}\n\n`,
  );
  process.stdout.write(`${formatTable(figures, recordedFigures())}\n`);
  if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
  if (failures.length > 0) {
    process.stdout.write(`\nnot measured:\n${failures.join('\n')}\n`);
    process.exitCode = 1;
  }
}

async function measure(part: Part, quick: boolean, reporter: Reporter): Promise<void> {
  switch (part) {
    case 'control':
      return await measureControl(quick ? quickSizes : fullSizes, reporter);
    case 'network':
      return await measureNetwork({ ports: 1_000 }, reporter);
    case 'qemu':
      return await measureQemu({ rounds: quick ? 1 : 3 }, reporter);
    case 'storage':
      return await measureStorage({ seconds: quick ? 5 : 20 }, reporter);
  }
}

function recordedFigures(): Map<string, number> {
  const file = new URL('recorded.json', import.meta.url);
  try {
    const { figures } = JSON.parse(readFileSync(file, 'utf8')) as BenchReport;
    return new Map(figures.map(({ name, value }) => [name, value]));
  } catch {
    return new Map();
  }
}

function take(figures: Figure[], figure: Figure): void {
  figures.push(figure);
  say(`${figure.name} ${readable(figure.value)} ${figure.unit}`);
}

function say(line: string): void {
  process.stderr.write(`${line}\n`);
}

// An interrupted bench ends by `exit`, where everything it started is ended.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130));
await main();
