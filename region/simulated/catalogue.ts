import { createHash } from 'node:crypto';
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { catalogueFile } from '#images/catalogue.ts';
import type { Catalogue, ImageRecord } from '#images/catalogue.ts';
import { imageIdOf } from '#images/ids.ts';
import { writeFileAtomic } from '#libs/process/atomic-file.ts';

/**
 * Gives a simulated region the official images by name, without their content: simulated arrays need none. A catalogue
 * that is there already (with real images, perhaps) is left alone.
 */
export function ensureSimulatedCatalogue(imagesDir: string): void {
  const file = path.join(imagesDir, catalogueFile);
  if (existsSync(file)) return;
  mkdirSync(imagesDir, { recursive: true });
  const catalogue: Catalogue = {
    formatVersion: 1,
    images: [
      record({ slug: 'debian-12', name: 'Debian 12', osName: 'Debian', osVersion: '12', minDiskGib: 10 }),
      record({ slug: 'micro', name: 'Micro (test)', osName: 'Micro', osVersion: '1', minDiskGib: 1 }),
    ],
  };
  writeFileAtomic(file, `${JSON.stringify(catalogue, null, 2)}\n`);
}

type Particulars = Pick<ImageRecord, 'slug' | 'name' | 'osName' | 'osVersion' | 'minDiskGib'>;

function record(particulars: Particulars): ImageRecord {
  const { name, minDiskGib } = particulars;
  return {
    ...particulars,
    id: imageIdOf(name),
    versionId: imageIdOf(`${name} (simulated)`),
    kind: 'official',
    osFamily: 'linux',
    version: '2026.01.01-1',
    releaseDate: '2026-01-01',
    sha256: createHash('sha256').update(`simulated ${name}`).digest('hex'),
    format: 'qcow2',
    fileSize: 0,
    virtualSizeBytes: minDiskGib * 1024 ** 3,
    lineage: null,
    toolsVersion: '7.2.22-simulated',
    status: 'published',
    checks: [],
    changelog: 'An image of the simulation: it has no content.',
    recipeHash: null,
    packages: [],
    createdAt: '2026-01-01T00:00:00.000Z',
  };
}
