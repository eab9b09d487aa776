import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { buildImage } from './build/build.ts';
import { directBootFile, imageFile, readCatalogue } from './catalogue.ts';
import type { ImageRecord } from './catalogue.ts';
import { loadRecipes } from './recipe.ts';
import type { LoadedRecipe } from './recipe.ts';
import { defaultStateDir, imagesDirOf } from './state.ts';
import { ImageStore } from './store.ts';

/** Images that the product's own recipes make. */
export type KnownImage = 'micro' | 'debian-12';

export interface LocatedImage {
  path: string;
  format: 'qcow2';
  record: ImageRecord;
  /** Its kernel and initramfs as files, for images that can be booted without their disk. */
  kernel?: string;
  initramfs?: string;
}

/**
 * Finds a built image: in the state folder given, in `$BASTIDE_STATE` or the default one, then in the cache that
 * tests share. Null when none of them has it.
 */
export async function findImage(name: KnownImage, options: { stateDir?: string } = {}): Promise<LocatedImage | null> {
  const folders = [imagesDirOf(options.stateDir ?? defaultStateDir())];
  const recipe = (await loadRecipes()).get(name);
  if (recipe !== undefined) folders.push(testCacheDir(recipe));
  for (const folder of folders) {
    const located = await findIn(folder, name);
    if (located !== null) return located;
  }
  return null;
}

/** Whether a test can have the image: it is there, or this machine can build it. */
export async function canHaveTestImage(name: KnownImage): Promise<boolean> {
  const canBuild = process.getuid?.() === 0 && spawnSync('mmdebstrap', ['--version']).status === 0;
  return canBuild || (await findImage(name)) !== null;
}

/** The image for a test: one that is there, else built into the shared cache (needs root, mmdebstrap and a Debian mirror). */
export async function ensureTestImage(name: KnownImage): Promise<LocatedImage> {
  const recipe = (await loadRecipes()).get(name);
  if (recipe === undefined) throw new Error(`there is no recipe ${name}`);
  const cached = await findIn(testCacheDir(recipe), name);
  if (cached !== null) return cached;
  const store = new ImageStore(testCacheDir(recipe));
  await buildImage(recipe, { store, bootCheck: false, publish: true, onlyMissing: true, progress: () => undefined });
  const built = await findIn(store.dir, name);
  if (built === null) throw new Error(`the image ${name} was built but not registered as usable`);
  return built;
}

/** Keyed by the recipe: a changed recipe never finds the old image. */
function testCacheDir(recipe: LoadedRecipe): string {
  const key = createHash('sha256').update(recipe.slug).update(recipe.hash).digest('hex').slice(0, 12);
  return path.join(tmpdir(), `bastide-test-images-${key}`);
}

async function findIn(imagesDir: string, slug: string): Promise<LocatedImage | null> {
  const { images } = await readCatalogue(imagesDir);
  const usable = images.filter(
    (record) => record.slug === slug && (record.status === 'published' || record.status === 'validated'),
  );
  const record = usable.findLast((image) => image.status === 'published') ?? usable.at(-1);
  if (record === undefined) return null;
  const file = imageFile(imagesDir, record);
  if (!existsSync(file)) return null;
  const [kernel, initramfs] = [directBootFile(file, 'kernel'), directBootFile(file, 'initramfs')];
  const directBoot = existsSync(kernel) && existsSync(initramfs) ? { kernel, initramfs } : {};
  return { path: file, format: record.format, record, ...directBoot };
}
