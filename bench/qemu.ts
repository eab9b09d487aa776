import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ensureTestImage } from '#images/locate.ts';
import { waitFor } from '#libs/process/wait.ts';
import { QgaClient } from '#libs/qga/client.ts';
import { startSimulatedRegion } from '#test/support/region.ts';
import { percentile } from './figures.ts';
import type { Reporter } from './figures.ts';
import { HttpConnection } from './http-connection.ts';
import {
  createBody,
  createMachine,
  deleteMachine,
  expectStatus,
  machinePath,
  readOffer,
  stopMachine,
} from './tenant-client.ts';
import type { Offer } from './tenant-client.ts';

const bootTimeoutMs = 120_000;
const lookEveryMs = 10;

/** Measures a real boot through the whole platform against the same QEMU started by hand. */
export async function measureQemu({ rounds }: { rounds: number }, reporter: Reporter): Promise<void> {
  reporter.say('looking for the micro image (built when missing)');
  const image = await ensureTestImage('micro');
  reporter.say('starting a region with one real host and one real array');
  const region = await startSimulatedRegion({
    ...{ durable: true, validateResponses: false },
    real: { imagesDir: dirname(image.path), memoryMib: 8192, poolGib: 64 },
  });
  try {
    const connection = await HttpConnection.open(region.plainUrl, await region.login());
    const offer = await readOffer(connection);
    const [asked, byHand]: [number[], number[]] = [[], []];
    // The first boot fills the page cache for both, and is not counted.
    for (let round = 0; round <= rounds; round += 1) {
      const taken = await bootBothWays(connection, offer, round);
      reporter.say(
        `round ${round}: API call → guest agent ${taken.asked.toFixed(0)} ms, by hand ${taken.byHand.toFixed(0)} ms`,
      );
      if (round === 0) continue;
      asked.push(taken.asked);
      byHand.push(taken.byHand);
    }
    connection.close();
    report(reporter, { asked: percentile(asked, 0.5), byHand: percentile(byHand, 0.5), rounds });
  } finally {
    await region.stop();
  }
}

function report({ add }: Reporter, { asked, byHand, rounds }: { asked: number; byHand: number; rounds: number }): void {
  const note = `POST → tools ok read back ${asked.toFixed(0)} ms, the same QEMU by hand → guest agent ${byHand.toFixed(0)} ms; micro guest, median of ${rounds}`;
  add({ name: 'qemu.boot.ratio', value: asked / byHand, unit: 'ratio', note });
  add({ name: 'qemu.boot.overhead_ms', value: asked - byHand, unit: 'ms', note: 'the difference of the two' });
}

async function bootBothWays(
  connection: HttpConnection,
  offer: Offer,
  round: number,
): Promise<{ asked: number; byHand: number }> {
  const began = performance.now();
  const machineId = await createMachine(connection, createBody(offer, `boot-${round}`, 0), 'wait');
  await waitFor(() => toolsAnswer(connection, machineId), {
    what: 'the guest tools to answer',
    timeoutMs: bootTimeoutMs,
    intervalMs: lookEveryMs,
  });
  const asked = performance.now() - began;
  const argv = argvOf(machineId);
  await stopMachine(connection, machineId);
  const byHand = await bootByHand(argv);
  await deleteMachine(connection, machineId);
  return { asked, byHand };
}

async function toolsAnswer(connection: HttpConnection, machineId: string): Promise<boolean> {
  const { body } = expectStatus(await connection.send('GET', `${machinePath(machineId)}/guest`), 200);
  return (JSON.parse(body) as { toolsState: string }).toolsState === 'ok';
}

/** How the host-agent started the QEMU of a machine. */
function argvOf(machineId: string): string[] {
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const argv = readFileSync(`/proc/${entry}/cmdline`, 'utf8').split('\0').slice(0, -1);
      if (argv[argv.indexOf('-uuid') + 1] === machineId && argv[0]?.includes('qemu-system') === true) return argv;
    } catch {
      // It has ended in the meantime.
    }
  }
  throw new Error(`no QEMU runs machine ${machineId}`);
}

/** Runs the same QEMU on the same disk; its network leads nowhere either, but needs no tap. Milliseconds until its guest agent answers. */
async function bootByHand(argv: readonly string[]): Promise<number> {
  const [binary = '', ...args] = argv.map((argument) =>
    argument.replace(/^tap,id=([^,]+),.*$/, 'hubport,id=$1,hubid=0'),
  );
  const channel = /id=qga,path=([^,]+)/.exec(args.join('\n'))?.[1];
  if (channel === undefined) throw new Error('the QEMU has no guest agent channel');
  const began = performance.now();
  const child = spawn(binary, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let complaints = '';
  child.stderr.on('data', (chunk: Buffer) => {
    complaints += chunk.toString('utf8');
  });
  try {
    await waitFor(
      () =>
        agentAnswers(
          channel,
          () => child.exitCode !== null,
          () => complaints,
        ),
      {
        what: 'the guest agent of a QEMU started by hand',
        timeoutMs: bootTimeoutMs,
        intervalMs: lookEveryMs,
      },
    );
    return performance.now() - began;
  } finally {
    child.kill('SIGKILL');
    while (child.exitCode === null && child.signalCode === null) await delay(5);
  }
}

async function agentAnswers(channel: string, ended: () => boolean, complaints: () => string): Promise<boolean> {
  if (ended()) throw new Error(`QEMU ended: ${complaints()}`);
  const client = await QgaClient.connect(channel, { timeoutMs: 200 }).catch(() => null);
  if (client === null) return false;
  try {
    await client.execute('guest-ping', undefined, { timeoutMs: 250 });
    return true;
  } catch {
    return false;
  } finally {
    client.close();
  }
}
