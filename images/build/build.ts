import { rm } from 'node:fs/promises';
import path from 'node:path';
import { unmountBelow } from '#libs/process/mounts.ts';
import type { ImageRecord } from '../catalogue.ts';
import { imageIdOf } from '../ids.ts';
import { withLock } from '../lock.ts';
import type { LoadedRecipe } from '../recipe.ts';
import type { ImageStore } from '../store.ts';
import { bootCheck } from './boot-check.ts';
import { memoryScratch } from './memory-scratch.ts';
import { guestAgentVersion, makeDebianTree, packageVersions } from './debian-tree.ts';
import { makeInitramfsDisk } from './micro.ts';
import { makeRootfsDisk } from './rootfs.ts';
import { convertToQcow2, diskInfo } from './qcow2.ts';
import { structuralChecks } from './structural-checks.ts';

const buildLockTimeoutMs = 900_000;

/** One step of a build, for whoever shows progress. */
export interface BuildProgress {
  slug: string;
  step: string;
  /** Milliseconds since the build began. */
  elapsedMs: number;
}

export interface BuildOptions {
  store: ImageStore;
  /** Boot the result once and wait for its guest agent (RACI-11). Without it only structural checks are recorded. */
  bootCheck: boolean;
  /** Open it to tenants when every check passed. */
  publish: boolean;
  /** Give back the version that is there when the recipe has not changed since. */
  onlyMissing: boolean;
  changelog?: string;
  progress: (step: BuildProgress) => void;
}

/** Builds an image from its recipe and registers it. One build of a recipe at a time; an interrupted one leaves only scratch files. */
export async function buildImage(recipe: LoadedRecipe, options: BuildOptions): Promise<ImageRecord> {
  const { store } = options;
  await store.open();
  return withLock(path.join(store.dir, `build-${recipe.slug}.lock`), buildLockTimeoutMs, async () => {
    const present = await findBuilt(store, recipe);
    if (options.onlyMissing && present !== null) return present;
    const scratch = await store.scratch(recipe.slug);
    try {
      const draft = await makeAndRegister(recipe, { scratch, work: await memoryScratch(scratch) }, options);
      if (!options.publish || draft.status !== 'validated') return draft;
      return await store.publish(draft.versionId);
    } finally {
      await unmountBelow(scratch);
      await rm(scratch, { recursive: true, force: true });
    }
  });
}

/** The newest usable version that this very recipe made. */
export async function findBuilt(store: ImageStore, recipe: LoadedRecipe): Promise<ImageRecord | null> {
  const versions = await store.list();
  const usable = (record: ImageRecord): boolean => record.status === 'published' || record.status === 'validated';
  return versions.findLast((record) => record.recipeHash === recipe.hash && usable(record)) ?? null;
}

/** Where a build works: `work` may lie in memory, `scratch` is on the store's own file system. */
interface BuildFolders {
  scratch: string;
  work: string;
}

async function makeAndRegister(
  recipe: LoadedRecipe,
  { scratch, work }: BuildFolders,
  options: BuildOptions,
): Promise<ImageRecord> {
  const started = performance.now();
  const step = (text: string): void =>
    options.progress({ slug: recipe.slug, step: text, elapsedMs: performance.now() - started });
  const tree = path.join(work, 'tree');
  step('fetching package lists');
  await makeDebianTree(recipe, tree, { workFolder: work, progress: step });
  step('assembling the disk');
  const { disk, directBoot } =
    recipe.layout === 'initramfs'
      ? await makeInitramfsDisk(recipe, tree, work)
      : { disk: await makeRootfsDisk(recipe, tree, work), directBoot: undefined };
  const image = path.join(scratch, 'image.qcow2');
  await convertToQcow2(disk, 'raw', image);
  const { virtualSizeBytes } = await diskInfo(image, 'qcow2');
  const toolsVersion = await guestAgentVersion(tree);
  const packages = await packageVersions(tree);
  step('checking the structure');
  const checks = await structuralChecks(image);
  if (options.bootCheck) {
    step('booting it once');
    checks.push(await bootCheck(image, recipe));
  }
  step('registering');
  const record = await options.store.register(
    { image, ...directBoot },
    {
      id: imageIdOf(recipe.name),
      versionId: crypto.randomUUID(),
      slug: recipe.slug,
      name: recipe.name,
      kind: recipe.kind,
      osFamily: recipe.os.family,
      osName: recipe.os.name,
      osVersion: recipe.os.version,
      format: 'qcow2',
      virtualSizeBytes,
      minDiskGib: recipe.minDiskGib,
      lineage: null,
      toolsVersion,
      checks,
      changelog: options.changelog ?? `Built from the recipe ${recipe.slug}.`,
      recipeHash: recipe.hash,
      packages,
    },
  );
  step(`${record.version} is there`);
  return record;
}
