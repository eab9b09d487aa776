import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync, chmodSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandFailed, run } from '#libs/process/run.ts';
import { readIfPresent, writeJsonAtomic } from '#libs/process/atomic-file.ts';
import type { QemuConfig } from '../config.ts';
import { bootSector, DEBUG_EXIT_STATUS } from './boot-sector.ts';
import type { Accelerator } from './command-line.ts';
import { kvmReachable, QEMU_ENVIRONMENT, unprivileged } from './unprivileged.ts';

/** A guest that has not come this far in this time is not one to keep for customers. */
const BOOT_SECTOR_DEADLINE_MS = 5_000;
const KERNEL_DEADLINE_MS = 15_000;
/** A kernel without a root disk prints this once it has come all the way up. */
const KERNEL_IS_UP = /VFS: (Unable to mount root|Cannot open root)|Run \/init/;

/** The decision and why. */
export interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  readonly reason: string;
}

/**
 * KVM where it truly runs a guest, else TCG. A /dev/kvm that opens and makes a VM may still not run an ordinary kernel, so a tiny guest
 * is run once as QEMU's user, and the answer kept for this kernel, processor and QEMU.
 */
export async function chooseAccelerator(config: QemuConfig, version: string): Promise<AcceleratorChoice> {
  const key = [release(), cpus()[0]?.model ?? '', version, config.probeKernel ?? 'boot sector', kvmReachable()].join(
    '|',
  );
  const cached = readCache(config.acceleratorCacheFile);
  if (cached?.key === key) return cached;
  const choice = await probe(config);
  writeJsonAtomic(config.acceleratorCacheFile, { key, ...choice });
  return choice;
}

async function probe(config: QemuConfig): Promise<AcceleratorChoice> {
  if (!kvmReachable()) return { accelerator: 'tcg', reason: '/dev/kvm is missing or not open to unprivileged users' };
  const folder = mkdtempSync(join(tmpdir(), 'bastide-kvm-'));
  try {
    chmodSync(folder, 0o755);
    const ran =
      config.probeKernel === null ? await runsBootSector(config, folder) : await runsKernel(config, config.probeKernel);
    return ran
      ? { accelerator: 'kvm', reason: 'a test guest ran under KVM' }
      : { accelerator: 'tcg', reason: 'a test guest did not run under KVM' };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function runsBootSector(config: QemuConfig, folder: string): Promise<boolean> {
  const image = join(folder, 'probe.img');
  writeFileSync(image, Buffer.concat([bootSector('probe\n', 'debug-exit')], 1024 * 1024), { mode: 0o644 });
  const guest = ['-drive', `file=${image},format=raw,if=virtio,readonly=on`, '-device', 'isa-debug-exit,iobase=0xf4'];
  const { status } = await attempt(config, guest, BOOT_SECTOR_DEADLINE_MS);
  return status === DEBUG_EXIT_STATUS;
}

async function runsKernel(config: QemuConfig, kernel: string): Promise<boolean> {
  if (statSync(kernel, { throwIfNoEntry: false }) === undefined) return false;
  const guest = ['-kernel', kernel, '-append', 'console=ttyS0 panic=-1', '-no-reboot', '-serial', 'stdio'];
  const { output } = await attempt(config, guest, KERNEL_DEADLINE_MS);
  return KERNEL_IS_UP.test(output);
}

async function attempt(
  config: QemuConfig,
  guest: readonly string[],
  timeoutMs: number,
): Promise<{ status: number | null; output: string }> {
  const base = [
    '-machine',
    'q35',
    '-accel',
    'kvm',
    '-cpu',
    'host',
    '-m',
    '192',
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
  ];
  const argv = unprivileged(config, [config.binary, ...base, ...guest]);
  try {
    return { status: 0, output: await run(argv, { timeoutMs, env: QEMU_ENVIRONMENT }) };
  } catch (error) {
    if (error instanceof CommandFailed) return { status: error.status, output: '' };
    throw error;
  }
}

function readCache(file: string): (AcceleratorChoice & { readonly key: string }) | null {
  const text = readIfPresent(file);
  if (text === null) return null;
  try {
    return JSON.parse(text) as AcceleratorChoice & { key: string };
  } catch {
    // A cache that cannot be read is none.
    return null;
  }
}

/** QEMU's version, e.g. `7.2.22`. @throws when the binary does not run */
export async function qemuVersion(binary: string): Promise<string> {
  const text = await run([binary, '--version'], { timeoutMs: 10_000 });
  return /version (\S+)/.exec(text)?.[1] ?? 'unknown';
}

/** The processor's name, for operators. */
export function cpuModel(): string {
  const match = /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'));
  return match?.[1]?.trim() ?? cpus()[0]?.model ?? 'unknown';
}
