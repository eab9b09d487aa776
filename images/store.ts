import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, link, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { writeJsonAtomic } from '#libs/process/atomic-file.ts';
import { identify } from '#libs/process/identity.ts';
import { unmountBelow } from '#libs/process/mounts.ts';
import { catalogueFile, directBootFile, imageFile, readCatalogue } from './catalogue.ts';
import type { Catalogue, ImageRecord } from './catalogue.ts';
import { withLock } from './lock.ts';

const lockTimeoutMs = 60_000;

/** A refused change of the catalogue: unknown version, gate not passed, still needed. */
export class ImageRefused extends Error {
  override readonly name = 'ImageRefused';
}

/** What is new about a version that is being registered; the store adds version number and status. */
export type NewImage = Omit<ImageRecord, 'version' | 'status' | 'createdAt' | 'releaseDate' | 'sha256' | 'fileSize'>;

/** What a build or an import hands over; `image` is moved, the others are copied. */
export interface FinishedFiles {
  image: string;
  kernel?: string;
  initramfs?: string;
}

/** The images of one state folder: qcow2 files that never change, and the catalogue that says what they are. */
export class ImageStore {
  readonly dir: string;

  constructor(imagesDir: string) {
    this.dir = imagesDir;
  }

  /** Makes the folder and removes what interrupted builds left; what a live process works on stays. */
  async open(): Promise<void> {
    await mkdir(path.join(this.dir, 'tmp'), { recursive: true });
    for (const name of await readdir(path.join(this.dir, 'tmp'))) {
      const pid = Number(/^(\d+)-/.exec(name)?.[1]);
      if (Number.isInteger(pid) && identify(pid) !== null) continue;
      const stale = path.join(this.dir, 'tmp', name);
      // A build that was killed may have left /proc, /sys or devices mounted in its tree.
      await unmountBelow(stale);
      await rm(stale, { recursive: true, force: true });
    }
  }

  /** A scratch folder on the same file system as the store; {@link open} clears it when this process is gone. */
  async scratch(label: string): Promise<string> {
    return mkdtemp(path.join(this.dir, 'tmp', `${process.pid}-${label}-`));
  }

  async list(): Promise<ImageRecord[]> {
    return (await readCatalogue(this.dir)).images;
  }

  /** Takes a finished qcow2 (by renaming it) and records it: `validated` when every check passed, else `draft`. */
  async register(files: FinishedFiles, image: NewImage): Promise<ImageRecord> {
    const sha256 = await sha256OfFile(files.image);
    const { size } = await stat(files.image);
    return this.change((catalogue) => {
      const now = new Date().toISOString();
      const day = now.slice(0, 10);
      const record: ImageRecord = {
        ...image,
        version: nextVersion(catalogue, image.id, day),
        releaseDate: day,
        sha256,
        fileSize: size,
        status: passed(image) ? 'validated' : 'draft',
        createdAt: now,
      };
      catalogue.images.push(record);
      return { result: record, before: () => this.moveIn(files, record) };
    });
  }

  /**
   * Takes over a version of another store as it is, record and files: by hard link where both are on one file system (a version
   * never changes), else by copy. Nothing when it is here already.
   */
  async adopt(record: ImageRecord, files: FinishedFiles): Promise<void> {
    await this.open();
    await this.change((catalogue) => {
      if (catalogue.images.some((image) => image.versionId === record.versionId)) return { result: undefined };
      catalogue.images.push(record);
      return { result: undefined, before: () => this.linkIn(files, record) };
    });
  }

  /** Opens a validated version to tenants; the published one before it is superseded, not changed (IMG-04, RACI-10). */
  async publish(versionId: string, changelog?: string): Promise<ImageRecord> {
    return this.change((catalogue) => {
      const record = find(catalogue, versionId);
      if (!passed(record))
        throw new ImageRefused(`${record.name} ${record.version} is not validated: ${unpassed(record)} (RACI-11)`);
      if (record.status === 'superseded') throw new ImageRefused(`${record.name} ${record.version} is superseded`);
      for (const other of catalogue.images) {
        if (other.id === record.id && other.status === 'published' && other !== record) other.status = 'superseded';
      }
      record.status = 'published';
      if (changelog !== undefined) record.changelog = changelog;
      return { result: record };
    });
  }

  /** Adds a check to a version; a failed one takes a validated version back to draft. */
  async recordCheck(versionId: string, check: ImageRecord['checks'][number]): Promise<ImageRecord> {
    return this.change((catalogue) => {
      const record = find(catalogue, versionId);
      record.checks = [...record.checks.filter((other) => other.name !== check.name), check];
      if (record.status === 'draft' || record.status === 'validated')
        record.status = passed(record) ? 'validated' : 'draft';
      return { result: record };
    });
  }

  /** Removes a version and its file. A published version is refused unless `force`: new VMs may need it. */
  async remove(versionId: string, options: { force?: boolean } = {}): Promise<ImageRecord> {
    const removed = await this.change((catalogue) => {
      const record = find(catalogue, versionId);
      if (record.status === 'published' && options.force !== true) {
        throw new ImageRefused(
          `${record.name} ${record.version} is published: publish a newer version first, or use --force`,
        );
      }
      catalogue.images = catalogue.images.filter((other) => other !== record);
      return { result: record };
    });
    const file = imageFile(this.dir, removed);
    for (const gone of [file, directBootFile(file, 'kernel'), directBootFile(file, 'initramfs')])
      await rm(gone, { force: true });
    return removed;
  }

  private async moveIn(files: FinishedFiles, record: ImageRecord): Promise<void> {
    const target = imageFile(this.dir, record);
    if (files.kernel !== undefined) await copyFile(files.kernel, directBootFile(target, 'kernel'));
    if (files.initramfs !== undefined) await copyFile(files.initramfs, directBootFile(target, 'initramfs'));
    await rename(files.image, target);
  }

  private async linkIn(files: FinishedFiles, record: ImageRecord): Promise<void> {
    const target = imageFile(this.dir, record);
    if (files.kernel !== undefined) await linkOrCopy(files.kernel, directBootFile(target, 'kernel'));
    if (files.initramfs !== undefined) await linkOrCopy(files.initramfs, directBootFile(target, 'initramfs'));
    await linkOrCopy(files.image, target);
  }

  private async change<T>(edit: (catalogue: Catalogue) => { result: T; before?: () => Promise<void> }): Promise<T> {
    return withLock(path.join(this.dir, 'catalogue.lock'), lockTimeoutMs, async () => {
      const catalogue = await readCatalogue(this.dir);
      const { result, before } = edit(catalogue);
      await before?.();
      writeJsonAtomic(path.join(this.dir, catalogueFile), catalogue);
      return result;
    });
  }
}

async function linkOrCopy(source: string, target: string): Promise<void> {
  await rm(target, { force: true });
  try {
    await link(source, target);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EXDEV')) throw error;
    await copyFile(source, target);
  }
}

/** SHA-256 of a file, lower-case hex. */
export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file, { highWaterMark: 1024 * 1024 }), hash);
  return hash.digest('hex');
}

function passed(record: Pick<ImageRecord, 'checks'>): boolean {
  return record.checks.length > 0 && record.checks.every((check) => check.passed);
}

function unpassed(record: ImageRecord): string {
  const failed = record.checks.filter((check) => !check.passed).map((check) => `${check.name}: ${check.detail}`);
  return failed.length === 0 ? 'no check is recorded' : failed.join('; ');
}

function find(catalogue: Catalogue, versionId: string): ImageRecord {
  const record = catalogue.images.find((image) => image.versionId === versionId);
  if (record === undefined) throw new ImageRefused(`no image version ${versionId}`);
  return record;
}

/** `<date>-<serial>`: higher than every version of the image that is still there. */
function nextVersion(catalogue: Catalogue, id: string, day: string): string {
  const prefix = `${day.replaceAll('-', '.')}-`;
  const taken = catalogue.images
    .filter((record) => record.id === id && record.version.startsWith(prefix))
    .map((record) => Number(record.version.slice(prefix.length)));
  return `${prefix}${Math.max(0, ...taken) + 1}`;
}
