import { open } from 'node:fs/promises';

/** Disk formats that an operator may bring. */
export type ImportFormat = 'qcow2' | 'raw' | 'vmdk';

/** A file that is not what it is said to be, or is something this region does not take. */
export class ImageRejected extends Error {
  override readonly name = 'ImageRejected';
}

const headBytes = 64 * 1024;
const qcow2Magic = 'QFI\xfb';
const vmdkMagics = ['KDMV', 'COWD'];
const foreign: readonly { name: string; offset: number; magic: string }[] = [
  { name: 'a VHDX disk', offset: 0, magic: 'vhdxfile' },
  { name: 'a VHD disk', offset: 0, magic: 'conectix' },
  { name: 'a VirtualBox disk', offset: 0x40, magic: '\x7f\x10\xda\xbe' },
  { name: 'an old QED disk', offset: 0, magic: 'QED\0' },
  { name: 'a Parallels disk', offset: 0, magic: 'WithoutFreeSpace' },
  { name: 'compressed with gzip', offset: 0, magic: '\x1f\x8b' },
  { name: 'compressed with xz', offset: 0, magic: '\xfd7zXZ' },
  { name: 'compressed with zstd', offset: 0, magic: '\x28\xb5\x2f\xfd' },
  { name: 'compressed with bzip2', offset: 0, magic: 'BZh' },
  { name: 'a ZIP archive', offset: 0, magic: 'PK\x03\x04' },
  { name: 'a LUKS container', offset: 0, magic: 'LUKS\xba\xbe' },
  { name: 'a tar archive (an OVA?)', offset: 257, magic: 'ustar' },
  { name: 'an ISO 9660 image', offset: 0x8001, magic: 'CD001' },
];

/**
 * Tells the format by content; the name of the file says nothing. Whatever has no known signature must look like a
 * disk (boot-sector signature) to count as raw: `qemu-img`'s own guessing takes any file as raw.
 */
export async function detectFormat(file: string): Promise<ImportFormat> {
  const handle = await open(file, 'r');
  let head: string;
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    head = buffer.toString('latin1', 0, bytesRead);
  } finally {
    await handle.close();
  }
  if (head.startsWith(qcow2Magic)) return 'qcow2';
  if (vmdkMagics.some((magic) => head.startsWith(magic))) return 'vmdk';
  // A VMDK descriptor names other files by path: reading it would read whatever it names.
  if (head.startsWith('# Disk DescriptorFile'))
    throw new ImageRejected(
      'it is a VMDK descriptor: import the single-file form (monolithicSparse or streamOptimized)',
    );
  const other = foreign.find((kind) => head.startsWith(kind.magic, kind.offset));
  if (other !== undefined) throw new ImageRejected(`it is ${other.name}, not a qcow2, raw or VMDK disk`);
  if (head.length < 512 || head.charCodeAt(510) !== 0x55 || head.charCodeAt(511) !== 0xaa) {
    throw new ImageRejected('it is neither qcow2 nor VMDK, and has no boot sector as a raw disk would');
  }
  return 'raw';
}
