import { open, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { LoadedRecipe } from '../recipe.ts';
import { writeInitramfs } from './cpio.ts';
import { kernelRelease } from './debian-tree.ts';
import { makeGrub } from './grub.ts';
import { assembleInitramfs } from './initramfs.ts';
import { encodeMbr, firstPartitionSector, sectorBytes, singlePartition } from './mbr.ts';

const nonFileSystemData = 0xda;

/** A kernel and its initramfs, to be booted without a disk (the accelerator probe of the host agent does). */
export interface DirectBoot {
  kernel: string;
  initramfs: string;
}

/**
 * Makes the raw disk of an `initramfs` recipe. Kernel and initramfs lie in the partition as they are, and GRUB loads
 * them by sector number: no file system to read means a third of the BIOS calls. `linux16` places the kernel where it
 * belongs; `linux` would move 53 MB byte by byte first, 1.8 s under TCG.
 */
export async function makeInitramfsDisk(
  recipe: LoadedRecipe,
  tree: string,
  workFolder: string,
): Promise<{ disk: string; directBoot: DirectBoot }> {
  const initramfsRoot = path.join(workFolder, 'initramfs-root');
  const directBoot = {
    kernel: path.join(tree, 'boot', `vmlinuz-${await kernelRelease(tree)}`),
    initramfs: path.join(workFolder, 'initramfs'),
  };
  await assembleInitramfs(recipe, tree, initramfsRoot);
  await writeInitramfs(initramfsRoot, directBoot.initramfs);
  const kernel = await readFile(directBoot.kernel);
  const initramfs = await readFile(directBoot.initramfs);
  const kernelSectors = Math.ceil(kernel.length / sectorBytes);
  const initramfsSectors = Math.ceil(initramfs.length / sectorBytes);
  const diskBytes = recipe.diskMib * 1024 * 1024;
  const partition = { ...singlePartition(diskBytes), type: nonFileSystemData };
  if (kernelSectors + initramfsSectors > partition.sectors) {
    throw new Error(`kernel and initramfs do not fit a disk of ${recipe.diskMib} MiB`);
  }
  const initramfsSector = firstPartitionSector + kernelSectors;
  const grub = await makeGrub({
    tree,
    workFolder,
    modules: ['biosdisk', 'linux16'],
    config: [
      `linux16 (hd0)${firstPartitionSector}+${kernelSectors} ${recipe.boot.kernelCommandLine}`,
      `initrd16 (hd0)${initramfsSector}+${initramfsSectors}`,
      'boot',
      '',
    ].join('\n'),
  });
  const disk = path.join(workFolder, 'disk.raw');
  await writeFile(disk, '');
  await truncate(disk, diskBytes);
  const file = await open(disk, 'r+');
  try {
    // The disk id comes from the recipe, so that the same recipe and packages give the same bytes.
    await file.write(
      encodeMbr(grub.bootCode, Number.parseInt(recipe.hash.slice(0, 8), 16), [partition]),
      0,
      sectorBytes,
      0,
    );
    await file.write(grub.core, 0, grub.core.length, sectorBytes);
    await file.write(kernel, 0, kernel.length, firstPartitionSector * sectorBytes);
    await file.write(initramfs, 0, initramfs.length, initramfsSector * sectorBytes);
  } finally {
    await file.close();
  }
  return { disk, directBoot };
}
