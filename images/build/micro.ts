import { cp, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { LoadedRecipe } from '../recipe.ts';
import { writeInitramfs } from './cpio.ts';
import { kernelRelease } from './debian-tree.ts';
import { makeDisk } from './disk.ts';
import { makeGrub } from './grub.ts';
import { assembleInitramfs } from './initramfs.ts';

/** Makes the raw disk of an `initramfs` recipe: a boot loader, a kernel and an initramfs that never leaves memory. */
export async function makeInitramfsDisk(recipe: LoadedRecipe, tree: string, workFolder: string): Promise<string> {
  const files = path.join(workFolder, 'boot-files');
  await mkdir(files, { recursive: true });
  await assembleInitramfs(recipe, tree, path.join(workFolder, 'initramfs'));
  await writeInitramfs(path.join(workFolder, 'initramfs'), path.join(files, 'initramfs'));
  await cp(path.join(tree, 'boot', `vmlinuz-${await kernelRelease(tree)}`), path.join(files, 'vmlinuz'));
  const grub = await makeGrub({
    tree,
    workFolder,
    modules: ['biosdisk', 'part_msdos', 'ext2', 'linux'],
    config: `linux /vmlinuz ${recipe.boot.kernelCommandLine}\ninitrd /initramfs\nboot\n`,
  });
  const target = path.join(workFolder, 'disk.raw');
  await makeDisk({
    folder: files,
    target,
    diskBytes: recipe.diskMib * 1024 * 1024,
    fileSystem: { type: 'ext2', label: 'micro', uuid: crypto.randomUUID() },
    grub,
  });
  return target;
}
