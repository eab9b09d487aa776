import { createHash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { chmod, copyFile, link, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Image, ImageSpec } from '#contract/generated/agent-array.ts';
import { AgentProblem, invalidSpec, notFound } from '#libs/agent-http/problem.ts';
import { CommandFailed, run } from '#libs/process/run.ts';
import { childUser } from './config.ts';
import type { QsdOptions } from './config.ts';
import { onMedium } from './medium.ts';
import type { ArrayPaths } from './names.ts';
import { loadRecords, removeRecord, saveRecord } from './records.ts';
import type { ImageRecord } from './records.ts';

const hashBlockBytes = 1024 ** 2;

/** The read-only bases of volumes, each an own copy that nobody else writes to. */
export class ImageStore {
  readonly #paths: ArrayPaths;
  readonly #qsd: QsdOptions;
  readonly #images = new Map<string, ImageRecord>();

  constructor(paths: ArrayPaths, qsd: QsdOptions) {
    this.#paths = paths;
    this.#qsd = qsd;
  }

  async load(): Promise<void> {
    for (const image of await loadRecords<ImageRecord>(this.#paths.images)) this.#images.set(image.id, image);
    await chmod(this.#paths.images, 0o711);
    for (const name of await readdir(this.#paths.images)) {
      const id = name.slice(0, name.indexOf('.'));
      if (!this.#images.has(id)) await rm(join(this.#paths.images, name), { force: true });
    }
  }

  /** @throws AgentProblem 404 `not_found` */
  get(imageId: string): ImageRecord {
    const image = this.#images.get(imageId);
    if (image === undefined) throw notFound(`image ${imageId}`);
    return image;
  }

  file(image: ImageRecord): string {
    return this.#paths.imageFile(image.id, image.format);
  }

  /** @throws AgentProblem `checksum_mismatch`, `invalid_spec`, `immutable`, `insufficient_space` */
  async put(imageId: string, spec: ImageSpec): Promise<Image> {
    const present = this.#images.get(imageId);
    if (present === undefined) return stateOf(await this.#take(imageId, spec));
    if (present.sha256 === spec.sha256 && present.format === spec.format) return stateOf(present);
    throw new AgentProblem(409, 'immutable', `image ${imageId} is at hand with another content`);
  }

  /** The caller makes sure that no volume stands on it. */
  async delete(imageId: string): Promise<void> {
    const image = this.#images.get(imageId);
    if (image === undefined) return;
    this.#images.delete(imageId);
    await removeRecord(this.#recordFile(imageId));
    await rm(this.file(image), { force: true });
  }

  async #take(imageId: string, spec: ImageSpec): Promise<ImageRecord> {
    const draft = join(this.#paths.images, `${imageId}.draft`);
    await rm(draft, { force: true });
    try {
      await onMedium(() => takeCopy(spec.sourcePath, draft));
      const sha256 = await checksum(draft);
      if (sha256 !== spec.sha256) {
        throw new AgentProblem(
          422,
          'checksum_mismatch',
          `${spec.sourcePath} has SHA-256 ${sha256}, not ${spec.sha256}`,
        );
      }
      const virtualSizeBytes = await this.#inspect(draft, spec.format);
      const { size } = await stat(draft);
      const record = { id: imageId, format: spec.format, sha256, sizeBytes: size, virtualSizeBytes };
      await rename(draft, this.file(record));
      await onMedium(() => saveRecord(this.#recordFile(imageId), record));
      this.#images.set(imageId, record);
      return record;
    } finally {
      await rm(draft, { force: true });
    }
  }

  /** The virtual size of an image that stands by itself: one that names another file could show us any file of the host. */
  async #inspect(file: string, format: ImageSpec['format']): Promise<number> {
    const text = await run(['qemu-img', 'info', '--output=json', '-f', format, file], {
      timeoutMs: 20_000,
      cwd: '/',
      env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' },
      ...childUser(this.#qsd),
    }).catch((error: unknown) => {
      if (error instanceof CommandFailed)
        throw invalidSpec('/format', `is not that of the file: ${error.stderr.trim()}`);
      throw error;
    });
    const info = JSON.parse(text) as ImageInfo;
    if (info['backing-filename'] !== undefined) throw invalidSpec('/sourcePath', 'is an image with a backing file');
    if (info['format-specific']?.data?.['data-file'] !== undefined) {
      throw invalidSpec('/sourcePath', 'is an image with an external data file');
    }
    if (info.encrypted === true) throw invalidSpec('/sourcePath', 'is an encrypted image');
    return info['virtual-size'];
  }

  #recordFile(imageId: string): string {
    return join(this.#paths.images, `${imageId}.json`);
  }
}

interface ImageInfo {
  'virtual-size': number;
  'backing-filename'?: string;
  encrypted?: boolean;
  'format-specific'?: { data?: { 'data-file'?: string } };
}

function stateOf({ id, sizeBytes, virtualSizeBytes }: ImageRecord): Image {
  return { id, sizeBytes, virtualSizeBytes };
}

/** A hard link when nobody may write to the source any more, else a reflink, else a copy. */
async function takeCopy(source: string, target: string): Promise<void> {
  const found = await stat(source).catch((cause: NodeJS.ErrnoException) => {
    throw invalidSpec('/sourcePath', `cannot be read: ${cause.code ?? cause.message}`);
  });
  if (!found.isFile()) throw invalidSpec('/sourcePath', 'is not a regular file');
  const linkable = (found.mode & 0o222) === 0 && (found.mode & 0o444) === 0o444;
  if (linkable && (await linked(source, target))) return;
  await copyFile(source, target, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  await chmod(target, 0o444);
  const handle = await open(target, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function linked(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'EXDEV' || code === 'EPERM' || code === 'EMLINK') return false;
    throw error;
  }
}

async function checksum(file: string): Promise<string> {
  const digest = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: hashBlockBytes }), digest);
  return digest.digest('hex');
}
