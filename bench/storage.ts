import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Volume } from '#contract/generated/agent-array.ts';
import { run } from '#libs/process/run.ts';
import { BenchArray } from './array-process.ts';
import { percentile } from './figures.ts';
import type { Reporter } from './figures.ts';

const volumeGib = 1;
const blockBytes = 4096;
const depth = 32;
/** Blocks between two writes: prime to the number of blocks, so that all of them are hit before one is hit again. */
const stride = 12_289;
const writes = 200_000;
const rounds = 3;
/** STO-08: half a TiB of Standard. */
const limit = 750;

/** Measures a real pool: what NBD costs against the file itself, and how exact the pool's limit is. */
export async function measureStorage({ seconds }: { seconds: number }, reporter: Reporter): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'bst-'));
  chmodSync(dir, 0o711);
  let array: BenchArray | null = null;
  try {
    reporter.say('starting an array-agent');
    array = await BenchArray.start(dir);
    await compareWithFile(array, join(dir, 'raw.img'), reporter);
    await checkLimit(array, seconds, reporter);
  } finally {
    await array?.stop();
    rmSync(dir, { recursive: true, force: true });
  }
}

async function compareWithFile(array: BenchArray, file: string, { say, add }: Reporter): Promise<void> {
  await run(['qemu-img', 'create', '-q', '-f', 'raw', file, `${volumeGib}G`]);
  const unlimited = { iopsLimit: null, sizeGib: 4, volumes: 1, volumeGib };
  const [plain] = await array.pool({ ...unlimited, encrypted: false });
  const [sealed] = await array.pool({ ...unlimited, encrypted: true });
  if (plain === undefined || sealed === undefined) throw new Error('no volume was made');
  const targets = { raw: file, plain: nbdUrl(plain), sealed: nbdUrl(sealed) };
  for (const target of Object.values(targets)) await fill(target);
  const rates = { raw: [] as number[], plain: [] as number[], sealed: [] as number[] };
  // In turn, so that a slow moment of the machine hits all three.
  for (let round = 0; round < rounds; round += 1) {
    for (const name of ['raw', 'plain', 'sealed'] as const) {
      rates[name].push(await writeRate(targets[name], writes));
      say(`4 KiB writes on ${name}: ${Math.round(rates[name].at(-1) ?? 0)} per second`);
    }
  }
  const [raw, nbd, luks] = [percentile(rates.raw, 0.5), percentile(rates.plain, 0.5), percentile(rates.sealed, 0.5)];
  const how = `qemu-img bench, 4 KiB, depth ${depth}, page cache, median of ${rounds}`;
  add({
    name: 'nbd.randwrite.ratio',
    value: nbd / raw,
    unit: 'ratio',
    note: `${Math.round(nbd)}/s over NBD to ${Math.round(raw)}/s on the raw file; ${how}`,
  });
  const note = `${Math.round(luks)}/s over NBD on an encrypted pool; ${how}`;
  add({ name: 'nbd.randwrite.luks.ratio', value: luks / raw, unit: 'ratio', note });
}

async function checkLimit(array: BenchArray, seconds: number, { say, add }: Reporter): Promise<void> {
  const volumes = await array.pool({ iopsLimit: limit, encrypted: true, sizeGib: 4, volumes: 2, volumeGib });
  const each = Math.round((limit * seconds) / volumes.length);
  const began = performance.now();
  await Promise.all(volumes.map((volume) => writeRate(nbdUrl(volume), each)));
  const measured = (each * volumes.length) / ((performance.now() - began) / 1000);
  say(`limit ${limit}, measured ${measured.toFixed(1)} per second`);
  const error = (Math.abs(measured - limit) / limit) * 100;
  add({
    name: 'iops.limit.error_pct',
    value: error,
    unit: '%',
    note: `${measured.toFixed(0)} IOPS in sum over two volumes of one pool under full load, limit ${limit}, ${seconds} s`,
  });
}

async function fill(target: string): Promise<void> {
  await run(['qemu-img', 'bench', '-w', '-f', 'raw', '-s', '1M', '-c', String(volumeGib * 1024), '-d', '8', target], {
    timeoutMs: 300_000,
  });
}

/** Writes per second; blocks are taken in an order that is as good as random for the file system and the caches. */
async function writeRate(target: string, count: number): Promise<number> {
  const options = [
    '-w',
    '-f',
    'raw',
    '-s',
    String(blockBytes),
    '-S',
    String(blockBytes * stride),
    '-d',
    String(depth),
    '-c',
    String(count),
  ];
  const printed = await run(['qemu-img', 'bench', ...options, target], { timeoutMs: 600_000 });
  const taken = /Run completed in ([\d.]+) seconds/.exec(printed)?.[1];
  if (taken === undefined) throw new Error(`qemu-img bench printed: ${printed}`);
  return count / Number(taken);
}

function nbdUrl({ nbd }: Volume): string {
  if (nbd.socketPath === undefined) throw new Error('the volume is not served on a unix socket');
  return `nbd+unix:///${nbd.export}?socket=${nbd.socketPath}`;
}
