import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { run } from '#libs/process/run.ts';
import { treeCommand } from './debian-tree.ts';
import { firstPartitionSector, sectorBytes } from './mbr.ts';

/** GRUB for BIOS machines: the boot sector's code and the core image that goes into the gap before the first partition. */
export interface GrubImages {
  bootCode: Buffer;
  core: Buffer;
}

export interface GrubOptions {
  /** Root file system that holds grub-mkimage and the i386-pc modules. */
  tree: string;
  /** Folder for the intermediate files. */
  workFolder: string;
  modules: readonly string[];
  /** Commands that the core image runs at once. */
  config: string;
}

/**
 * Builds GRUB's core image with the tree's own grub-mkimage. Neither loop device nor grub-install takes part:
 * grub-mkimage links the core to be loaded from sector 1 on, and boot.img reads from sector 1 unless patched,
 * so core right behind the MBR is a layout that needs no patching.
 */
export async function makeGrub(options: GrubOptions): Promise<GrubImages> {
  const { tree, workFolder } = options;
  const configFile = path.join(workFolder, 'grub-early.cfg');
  const coreFile = path.join(workFolder, 'core.img');
  await writeFile(configFile, options.config);
  const modules = path.join(tree, 'usr/lib/grub/i386-pc');
  const args = [
    '-O',
    'i386-pc',
    '-d',
    modules,
    '-o',
    coreFile,
    '-c',
    configFile,
    '-p',
    '(,msdos1)/boot/grub',
    ...options.modules,
  ];
  const [program, programArgs] = treeCommand(tree, 'usr/bin/grub-mkimage', args);
  await run([program, ...programArgs], { timeoutMs: 60_000 });
  const core = await readFile(coreFile);
  const room = (firstPartitionSector - 1) * sectorBytes;
  if (core.length > room)
    throw new Error(`GRUB's core image has ${core.length} bytes, the gap before the partition ${room}`);
  return { bootCode: await readFile(path.join(modules, 'boot.img')), core };
}
