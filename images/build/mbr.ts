/** Bytes of a sector as BIOS, MBR and GRUB count them. */
export const sectorBytes = 512;
/** First sector of the first partition: 1 MiB alignment; the gap before it holds GRUB's core image. */
export const firstPartitionSector = 2048;

const partitionTableOffset = 446;
const partitionEntryBytes = 16;
const signatureOffset = 510;
const diskIdOffset = 440;
const linuxPartitionType = 0x83;
const lbaMax = 0xffff_ffff;

export interface Partition {
  startSector: number;
  sectors: number;
  bootable: boolean;
  type: number;
}

/** What cannot be written as a master boot record. */
export class InvalidLayout extends Error {
  override readonly name = 'InvalidLayout';
}

/** The usual layout of our images: one bootable Linux partition from 1 MiB to the end of the disk. */
export function singlePartition(diskBytes: number): Partition {
  const sectors = Math.floor(diskBytes / sectorBytes) - firstPartitionSector;
  if (sectors <= 0) throw new InvalidLayout(`a disk of ${diskBytes} bytes has no room for a partition at 1 MiB`);
  return { startSector: firstPartitionSector, sectors, bootable: true, type: linuxPartitionType };
}

/**
 * Makes the 512 bytes of sector 0: boot code (GRUB's boot.img), disk id and partition table.
 * CHS fields hold FE FF FF ("use LBA"), as every partitioning tool writes for LBA disks.
 */
export function encodeMbr(bootCode: Buffer, diskId: number, partitions: readonly Partition[]): Buffer {
  if (bootCode.length !== 0 && bootCode.length < partitionTableOffset)
    throw new InvalidLayout('the boot code is cut short');
  if (partitions.length > 4) throw new InvalidLayout(`${partitions.length} partitions: an MBR holds four`);
  const sector = Buffer.alloc(sectorBytes);
  bootCode.copy(sector, 0, 0, diskIdOffset);
  sector.writeUInt32LE(diskId >>> 0, diskIdOffset);
  let freeFrom = 1;
  partitions.forEach((partition, index) => {
    const end = partition.startSector + partition.sectors;
    if (partition.sectors < 1 || end - 1 > lbaMax)
      throw new InvalidLayout(`partition ${index + 1} does not fit 32-bit LBA (2 TiB)`);
    if (partition.startSector < freeFrom) throw new InvalidLayout(`partition ${index + 1} overlaps what is before it`);
    freeFrom = end;
    const at = partitionTableOffset + index * partitionEntryBytes;
    sector.writeUInt8(partition.bootable ? 0x80 : 0, at);
    sector.set([0xfe, 0xff, 0xff], at + 1);
    sector.writeUInt8(partition.type, at + 4);
    sector.set([0xfe, 0xff, 0xff], at + 5);
    sector.writeUInt32LE(partition.startSector, at + 8);
    sector.writeUInt32LE(partition.sectors, at + 12);
  });
  sector.writeUInt16LE(0xaa55, signatureOffset);
  return sector;
}

/** Reads the partition table of a sector 0; null when it bears no MBR signature. */
export function decodeMbr(sector: Buffer): { diskId: number; partitions: Partition[] } | null {
  if (sector.length < sectorBytes || sector.readUInt16LE(signatureOffset) !== 0xaa55) return null;
  const partitions: Partition[] = [];
  for (let index = 0; index < 4; index += 1) {
    const at = partitionTableOffset + index * partitionEntryBytes;
    const sectors = sector.readUInt32LE(at + 12);
    if (sectors === 0) continue;
    partitions.push({
      startSector: sector.readUInt32LE(at + 8),
      sectors,
      bootable: sector.readUInt8(at) === 0x80,
      type: sector.readUInt8(at + 4),
    });
  }
  return { diskId: sector.readUInt32LE(diskIdOffset), partitions };
}
