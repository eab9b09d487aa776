import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ImageCheck } from '../catalogue.ts';
import type { LoadedRecipe } from '../recipe.ts';

const defaultTimeoutSeconds = 120;
const agentName = 'org.qemu.guest_agent.0';

/** Boots an image once, on a throw-away overlay, and waits until its guest agent answers (RACI-11, TOL-01). */
export async function bootCheck(image: string, recipe: LoadedRecipe): Promise<ImageCheck> {
  const at = new Date().toISOString();
  const name = 'boot';
  try {
    const durationMs = await bootUntilAgent(image, {
      memoryMib: recipe.memoryMib,
      timeoutMs: (recipe.boot.timeoutSeconds ?? defaultTimeoutSeconds) * 1000,
    });
    return {
      name,
      passed: true,
      at,
      detail: `guest agent answered after ${(durationMs / 1000).toFixed(1)} s`,
      durationMs,
    };
  } catch (error) {
    return { name, passed: false, at, detail: error instanceof Error ? error.message : String(error) };
  }
}

/** Milliseconds from the start of QEMU (TCG, one CPU) to the guest agent's first answer. */
export async function bootUntilAgent(
  image: string,
  options: { memoryMib: number; timeoutMs: number },
): Promise<number> {
  const folder = await mkdtemp(path.join(tmpdir(), 'bastide-boot-'));
  const serial = path.join(folder, 'serial');
  const started = performance.now();
  const qemu = spawn('qemu-system-x86_64', qemuArguments(image, folder, options.memoryMib), {
    stdio: ['ignore', 'ignore', 'pipe'],
    // snapshot=on keeps the overlay in TMPDIR: the image itself stays as it is.
    env: { ...process.env, TMPDIR: folder },
  });
  const ended = Promise.withResolvers<never>();
  let stderr = '';
  qemu.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr = (stderr + text).slice(-1000);
  });
  qemu.on('error', (error) => ended.reject(error));
  qemu.on('exit', (code) =>
    ended.reject(new Error(`QEMU ended with status ${code} before the guest agent answered: ${stderr.trim()}`)),
  );
  try {
    await Promise.race([ended.promise, agentAnswers(path.join(folder, 'qga'), options.timeoutMs)]);
    return performance.now() - started;
  } catch (error) {
    const log = await readFile(serial, 'latin1').catch(() => '');
    throw new Error(
      `${error instanceof Error ? error.message : String(error)}; serial console ends with: ${log.slice(-400)}`,
      { cause: error },
    );
  } finally {
    if (qemu.exitCode === null && qemu.kill('SIGKILL')) await ended.promise.catch(() => undefined);
    await rm(folder, { recursive: true, force: true });
  }
}

function qemuArguments(image: string, folder: string, memoryMib: number): string[] {
  return [
    ...[
      '-machine',
      'q35',
      '-accel',
      'tcg',
      '-cpu',
      'max',
      '-m',
      String(memoryMib),
      '-display',
      'none',
      '-nodefaults',
      '-no-user-config',
    ],
    ...[
      '-drive',
      `file=${image},format=qcow2,if=none,id=system,snapshot=on`,
      '-device',
      'virtio-blk-pci,drive=system,bootindex=0',
    ],
    ...['-serial', `file:${path.join(folder, 'serial')}`, '-device', 'virtio-serial-pci', '-device', 'virtio-rng-pci'],
    ...[
      '-chardev',
      `socket,id=agent,path=${path.join(folder, 'qga')},server=on,wait=off`,
      '-device',
      `virtserialport,chardev=agent,name=${agentName}`,
    ],
  ];
}

/** Sends guest-ping again and again until it is answered. QEMU keeps what was sent before the guest opened the port. */
async function agentAnswers(socketPath: string, timeoutMs: number): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (await pingOnce(socketPath, 250)) return;
  }
  throw new Error(`no answer from the guest agent within ${timeoutMs / 1000} s`);
}

async function pingOnce(socketPath: string, waitMs: number): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect(socketPath);
  const timer = setTimeout(() => resolve(false), waitMs);
  socket.on('connect', () => socket.write('{"execute":"guest-ping"}\n'));
  socket.on('data', (data) => {
    if (data.toString('latin1').includes('"return"')) resolve(true);
  });
  // Before QEMU listens every attempt is refused; the timer still paces the loop.
  socket.on('error', () => undefined);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    socket.destroy();
  }
}
