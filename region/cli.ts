import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { destroy } from './destroy.ts';
import { down } from './down.ts';
import { withLock } from './lock.ts';
import { defaultStateDir, StatePaths } from './paths.ts';
import { formatReport, status } from './status.ts';
import { describe } from './summary.ts';
import { up } from './up.ts';
import { usage } from './usage.ts';

// What must be private is made so by name; the other accounts of a region have to get to their folders under any umask.
process.umask(0o022);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    state: { type: 'string' },
    detach: { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
    simulated: { type: 'boolean', default: false },
    topology: { type: 'string' },
    'keep-guests': { type: 'boolean', default: false },
    yes: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
const stateDir = resolve(values.state ?? process.env['BASTIDE_STATE'] ?? defaultStateDir());
const guestGraceMs = 60_000;

async function runUp(): Promise<void> {
  mkdirSync(new StatePaths(stateDir).run, { recursive: true, mode: 0o755 });
  const summary = await locked(() =>
    up({ stateDir, simulated: values.simulated, topologyFile: values.topology ?? null }),
  );
  process.stdout.write(`${values.json ? JSON.stringify(summary) : describe(summary)}\n`);
  if (values.detach) return;
  process.stderr.write('\nCtrl-C stops the region.\n');
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  clearInterval(keepAlive);
  await runDown();
}

async function runDown(): Promise<void> {
  await locked(() => down({ stateDir, keepGuests: values['keep-guests'], guestGraceMs }));
}

async function runStatus(): Promise<void> {
  const report = await status(stateDir);
  process.stdout.write(`${values.json ? JSON.stringify(report, null, 2) : formatReport(report)}\n`);
  if (report.state !== 'running') process.exitCode = 3;
}

async function runDestroy(): Promise<void> {
  const done = await locked(() => destroy({ stateDir, yes: values.yes }));
  process.stderr.write(done ? `${stateDir} is removed.\n` : 'Nothing was done.\n');
  if (!done) process.exitCode = 1;
}

/** Compares the database with hosts, arrays and OVN. */
async function runCheck(): Promise<void> {
  const script = fileURLToPath(new URL('../control-plane/src/check/main.ts', import.meta.url));
  const args = [script, '--config', new StatePaths(stateDir).configOf('control-1'), ...(values.json ? ['--json'] : [])];
  const [code] = (await once(spawn(process.execPath, args, { stdio: 'inherit' }), 'exit')) as [number | null];
  process.exitCode = code ?? 1;
}

async function locked<T>(work: () => Promise<T>): Promise<T> {
  return withLock(`${stateDir}.lock`, work);
}

const commands: Readonly<Record<string, () => Promise<void>>> = {
  up: runUp,
  down: runDown,
  status: runStatus,
  destroy: runDestroy,
  check: runCheck,
};
const command = commands[positionals[0] ?? ''];
if (!command || values.help) {
  process.stderr.write(usage);
  process.exitCode = values.help ? 0 : 2;
} else {
  try {
    await command();
  } catch (error) {
    const full = error instanceof Error && 'code' in error && error.code === 'ENOSPC';
    const why = full
      ? `the disk of ${stateDir} is full: make room and run it again; nothing is damaged`
      : String(error instanceof Error ? error.message : error);
    process.stderr.write(`\nbastide ${positionals[0]}: ${why}\n`);
    process.exitCode = 1;
  }
}
