import { rm } from 'node:fs/promises';
import path from 'node:path';
import { CommandFailed, run } from '#libs/process/run.ts';
import { bootUntilAgent } from './build/boot-check.ts';
import { convertToQcow2, diskInfo } from './build/qcow2.ts';
import { check, structuralChecks } from './build/structural-checks.ts';
import type { ImageCheck, ImageLineage, ImageRecord } from './catalogue.ts';
import { fetchTo, isUrl } from './fetch.ts';
import { imageIdOf } from './ids.ts';
import { detectFormat, ImageRejected } from './inspect.ts';
import type { ImportFormat } from './inspect.ts';
import type { ImageStore } from './store.ts';

const gib = 1024 ** 3;
const idleTimeoutMs = 60_000;

/** Biggest disk that an import may claim, unless the operator raises it. */
export const virtualSizeLimitGib = 2048;

export interface ImportOptions {
  store: ImageStore;
  /** Path or http(s) URL. */
  source: string;
  name: string;
  slug: string;
  kind: 'official' | 'custom';
  osFamily: ImageRecord['osFamily'];
  osName: string;
  osVersion: string;
  /** Expected SHA-256 of the source; needed for a URL unless `allowUnverified`. */
  sha256: string | null;
  allowUnverified: boolean;
  maxVirtualGib: number;
  minDiskGib: number | null;
  lineage: ImageLineage | null;
  /** Boot it and wait for the guest agent; without, only the structure is checked. */
  bootCheck: boolean;
  changelog: string;
  progress: (step: string) => void;
}

/** Takes a disk from outside into the store after checking it; throws {@link ImageRejected} and keeps nothing otherwise. */
export async function importImage(options: ImportOptions): Promise<ImageRecord> {
  const { store } = options;
  if (isUrl(options.source) && options.sha256 === null && !options.allowUnverified) {
    throw new ImageRejected('a URL needs --sha256, or --insecure-no-checksum to do without');
  }
  await store.open();
  const work = await store.scratch('import');
  try {
    options.progress('fetching');
    const source = path.join(work, 'source');
    const fetched = await fetchTo(options.source, source, { maxBytes: options.maxVirtualGib * gib, idleTimeoutMs });
    const checks = [verifiedSource(options, fetched.sha256)];
    options.progress('inspecting');
    const format = await detectFormat(source);
    await refuseUnsafeDisk(source, format, options.maxVirtualGib);
    options.progress('converting to qcow2');
    const image = path.join(work, 'image.qcow2');
    await convertToQcow2(source, format, image);
    await rm(source);
    checks.push(...(await structuralChecks(image)));
    if (options.bootCheck) {
      options.progress('booting it once');
      checks.push(await check('boot', () => bootDetail(image)));
    }
    options.progress('registering');
    const { virtualSizeBytes } = await diskInfo(image, 'qcow2');
    return await store.register(
      { image },
      { ...described(options), virtualSizeBytes, minDiskGib: minDisk(options, virtualSizeBytes), checks },
    );
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

function described(
  options: ImportOptions,
): Omit<Parameters<ImageStore['register']>[1], 'virtualSizeBytes' | 'minDiskGib' | 'checks'> {
  const { name, slug, kind, osFamily, osName, osVersion, lineage, changelog } = options;
  return {
    ...{ name, slug, kind, osFamily, osName, osVersion, lineage, changelog },
    id: imageIdOf(name),
    versionId: crypto.randomUUID(),
    format: 'qcow2',
    toolsVersion: null,
    recipeHash: null,
    packages: [],
  };
}

function minDisk(options: ImportOptions, virtualSizeBytes: number): number {
  const needed = Math.max(1, Math.ceil(virtualSizeBytes / gib));
  if (options.minDiskGib === null) return needed;
  if (options.minDiskGib < needed)
    throw new ImageRejected(
      `the disk has ${needed} GiB: a system disk of ${options.minDiskGib} GiB is too small for it`,
    );
  return options.minDiskGib;
}

function verifiedSource(options: ImportOptions, sha256: string): ImageCheck {
  const at = new Date().toISOString();
  if (options.sha256 === null)
    return { name: 'checksum', passed: true, at, detail: `not compared with a published one; it is ${sha256}` };
  if (options.sha256.toLowerCase() !== sha256)
    throw new ImageRejected(`its SHA-256 is ${sha256}, expected ${options.sha256.toLowerCase()}`);
  return { name: 'checksum', passed: true, at, detail: `the source has the expected SHA-256 ${sha256}` };
}

/** A qcow2 or VMDK can name other files of this machine; such a disk would show them to a tenant. */
async function refuseUnsafeDisk(file: string, format: ImportFormat, maxVirtualGib: number): Promise<void> {
  const info = await diskInfo(file, format).catch((cause: unknown) => {
    throw new ImageRejected(
      `it cannot be read as ${format}: ${cause instanceof CommandFailed ? cause.stderr.trim() : String(cause)}`,
      { cause },
    );
  });
  if (info.backingFile !== null)
    throw new ImageRejected(`it needs the backing file ${info.backingFile}: flatten it first (qemu-img convert)`);
  if (info.dataFile !== null)
    throw new ImageRejected(`it keeps its data in another file, ${info.dataFile}: flatten it first (qemu-img convert)`);
  if (info.encrypted) throw new ImageRejected('it is encrypted');
  if (!(info.virtualSizeBytes > 0)) throw new ImageRejected('its disk is empty');
  if (info.virtualSizeBytes > maxVirtualGib * gib) {
    throw new ImageRejected(
      `its disk has ${Math.ceil(info.virtualSizeBytes / gib)} GiB, the limit is ${maxVirtualGib} GiB (--max-size)`,
    );
  }
  if (format === 'raw') return;
  try {
    await run(['qemu-img', 'check', '-q', '-f', format, file], { timeoutMs: 600_000 });
  } catch (cause) {
    throw new ImageRejected(
      `qemu-img check finds errors in it: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
  }
}

async function bootDetail(image: string): Promise<string> {
  const durationMs = await bootUntilAgent(image, { memoryMib: 1024, timeoutMs: 300_000 });
  return `guest agent answered after ${(durationMs / 1000).toFixed(1)} s`;
}
