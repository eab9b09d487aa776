import { open, truncate } from 'node:fs/promises';
import { randomInt } from 'node:crypto';
import { run } from '#libs/process/run.ts';
import type { GrubImages } from './grub.ts';
import { encodeMbr, sectorBytes, singlePartition } from './mbr.ts';

export interface DiskOptions {
  /** Folder that becomes the root of the file system. */
  folder: string;
  /** Raw file to make. */
  target: string;
  diskBytes: number;
  fileSystem: { type: 'ext2' | 'ext4'; label: string; uuid: string };
  grub: GrubImages;
}

/**
 * Makes a bootable raw disk from a folder without mounting anything: mke2fs fills the file system from the folder,
 * partition table and boot loader are written around it.
 */
export async function makeDisk(options: DiskOptions): Promise<void> {
  const { target, diskBytes, fileSystem, grub } = options;
  const partition = singlePartition(diskBytes);
  const file = await open(target, 'w');
  await file.close();
  await truncate(target, diskBytes);
  const blockBytes = 4096;
  // GRUB 2.06 reads neither metadata_csum_seed nor orphan_file, which newer mke2fs turn on.
  const features = fileSystem.type === 'ext4' ? ['-O', '^metadata_csum_seed,^orphan_file'] : ['-m', '0'];
  const offset = partition.startSector * sectorBytes;
  await run(
    [
      'mke2fs',
      ...['-q', '-F', '-t', fileSystem.type, '-b', String(blockBytes), ...features],
      ...['-L', fileSystem.label, '-U', fileSystem.uuid, '-d', options.folder],
      // Zeroed inode tables would be written by the guest at first boot: work it need not do on a sparse file.
      ...['-E', `offset=${offset},lazy_itable_init=0,nodiscard,root_owner=0:0`],
      ...[target, String(Math.floor((partition.sectors * sectorBytes) / blockBytes))],
    ],
    { timeoutMs: 300_000 },
  );
  const disk = await open(target, 'r+');
  try {
    await disk.write(encodeMbr(grub.bootCode, randomInt(1, 2 ** 32), [partition]), 0, sectorBytes, 0);
    await disk.write(grub.core, 0, grub.core.length, sectorBytes);
    await disk.sync();
  } finally {
    await disk.close();
  }
}
