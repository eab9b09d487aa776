import { readFile } from 'node:fs/promises';
import path from 'node:path';

/** How far a version is on its way to the tenants (RACI-11: only `published` ones may be deployed). */
export type ImageStatus = 'draft' | 'validated' | 'published' | 'superseded';

/** One recorded check of RACI-11. */
export interface ImageCheck {
  name: string;
  passed: boolean;
  /** When it ran, ISO 8601 UTC. */
  at: string;
  /** What was seen, in one sentence. */
  detail: string;
  /** For boot checks: from the start of QEMU until the guest answered, ms. */
  durationMs?: number;
}

/** What a custom image was derived from (IMG-04, RACI-12). */
export interface ImageLineage {
  parentImageId: string;
  parentVersionId: string;
}

/** One version of an image (IMG-04). A published version never changes: a newer one supersedes it. */
export interface ImageRecord {
  /** Stable over all versions of the same name: UUID. */
  id: string;
  /** This version's UUID; its file is `<versionId>.qcow2`. */
  versionId: string;
  /** Short name used on the command line and by tests: `debian-12`, `micro`. */
  slug: string;
  /** Name shown to tenants, e.g. `Debian 12`. */
  name: string;
  kind: 'official' | 'custom';
  osFamily: 'linux' | 'windows' | 'other';
  osName: string;
  osVersion: string;
  /** Version of the image: release date and a serial number of the day, e.g. `2026.11.21-1`. */
  version: string;
  /** ISO date. */
  releaseDate: string;
  /** Of the qcow2 file as stored, lower-case hex. */
  sha256: string;
  format: 'qcow2';
  /** Bytes of the stored file. */
  fileSize: number;
  virtualSizeBytes: number;
  /** Smallest system disk offered with it, GiB. */
  minDiskGib: number;
  lineage: ImageLineage | null;
  /** Version of the guest agent inside (TOL-01); null when unknown or absent. */
  toolsVersion: string | null;
  status: ImageStatus;
  checks: ImageCheck[];
  changelog: string;
  /** Hash of the recipe that it was built from; null for an import. */
  recipeHash: string | null;
  /** Packages inside as `name=version`; empty when unknown. */
  packages: string[];
  /** ISO 8601 UTC. */
  createdAt: string;
}

/** The content of catalogue.json. */
export interface Catalogue {
  formatVersion: 1;
  images: ImageRecord[];
}

/** catalogue.json is there but is not a catalogue. */
export class CorruptCatalogue extends Error {
  override readonly name = 'CorruptCatalogue';
}

/** Name of the catalogue file in the images folder. */
export const catalogueFile = 'catalogue.json';

/** Reads the catalogue of an images folder (`$STATE/images`); empty when there is none yet. */
export async function readCatalogue(imagesDir: string): Promise<Catalogue> {
  const file = path.join(imagesDir, catalogueFile);
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return { formatVersion: 1, images: [] };
    throw error;
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CorruptCatalogue(`${file} is not JSON`, { cause });
  }
  if (!isCatalogue(value)) throw new CorruptCatalogue(`${file} is not a catalogue of format version 1`);
  return value;
}

/** The file of a version. */
export function imageFile(imagesDir: string, record: Pick<ImageRecord, 'versionId'>): string {
  return path.join(imagesDir, `${record.versionId}.qcow2`);
}

/** Kernel or initramfs kept beside an image that can also be booted without its disk (the micro image). */
export function directBootFile(image: string, part: 'kernel' | 'initramfs'): string {
  return image.replace(/\.qcow2$/, `.${part}`);
}

function isCatalogue(value: unknown): value is Catalogue {
  if (typeof value !== 'object' || value === null) return false;
  if (!('formatVersion' in value) || value.formatVersion !== 1) return false;
  return 'images' in value && Array.isArray(value.images) && value.images.every(isRecord);
}

function isRecord(value: unknown): value is ImageRecord {
  if (typeof value !== 'object' || value === null) return false;
  const fields = new Map(Object.entries(value));
  const texts = ['id', 'versionId', 'slug', 'name', 'sha256', 'status', 'version'];
  return texts.every((field) => typeof fields.get(field) === 'string') && Array.isArray(fields.get('checks'));
}
