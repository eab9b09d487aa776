import { constants } from 'node:fs';
import { open } from 'node:fs/promises';

/* qcow2 version 3, docs/interop/qcow2.rst of QEMU. */
const headerBytes = 112;
const clusterBits = 16;
const clusterBytes = 2 ** clusterBits;
const l2EntryBytes = 8;
/** Guest bytes behind one L1 entry. */
const bytesPerL1Entry = (clusterBytes / l2EntryBytes) * clusterBytes;
const refcountsPerBlock = clusterBytes / 2;
const extensionBackingFormat = 0xe2792aca;
const extensionEncryption = 0x0537be77;
const cryptMethodLuks = 2;

export interface NewQcow2 {
  /** What the guest sees; a multiple of 512. */
  readonly sizeBytes: number;
  /** What unwritten clusters show; the path is relative to the new file's folder. */
  readonly backing?: { readonly path: string; readonly format: 'qcow2' | 'raw' } | undefined;
  /** From `luksHeader`; the content is encrypted when given. */
  readonly luks?: Buffer | undefined;
}

/**
 * The clusters of an empty qcow2 image as QEMU makes it with default options: header, refcount table, refcount block,
 * L1 table, and the LUKS header when there is one. 64 KiB clusters.
 */
export function emptyQcow2(spec: NewQcow2): Buffer {
  const l1Entries = Math.max(1, Math.ceil(spec.sizeBytes / bytesPerL1Entry));
  const l1Clusters = Math.ceil((l1Entries * 8) / clusterBytes);
  const luksClusters = Math.ceil((spec.luks?.length ?? 0) / clusterBytes);
  const [tableAt, blockAt, l1At] = [clusterBytes, 2 * clusterBytes, 3 * clusterBytes];
  const luksAt = l1At + l1Clusters * clusterBytes;
  const clusters = 3 + l1Clusters + luksClusters;
  if (clusters > refcountsPerBlock) throw new RangeError(`${spec.sizeBytes} bytes are too many for one volume`);

  const image = Buffer.alloc(clusters * clusterBytes);
  image.write('QFI\xfb', 0, 'latin1');
  image.writeUInt32BE(3, 4);
  image.writeUInt32BE(clusterBits, 20);
  image.writeBigUInt64BE(BigInt(spec.sizeBytes), 24);
  image.writeUInt32BE(spec.luks === undefined ? 0 : cryptMethodLuks, 32);
  image.writeUInt32BE(l1Entries, 36);
  image.writeBigUInt64BE(BigInt(l1At), 40);
  image.writeBigUInt64BE(BigInt(tableAt), 48);
  image.writeUInt32BE(1, 56);
  image.writeUInt32BE(4, 96);
  image.writeUInt32BE(headerBytes, 100);

  let at = headerBytes;
  if (spec.luks !== undefined) {
    const pointer = Buffer.alloc(16);
    pointer.writeBigUInt64BE(BigInt(luksAt), 0);
    pointer.writeBigUInt64BE(BigInt(spec.luks.length), 8);
    at = writeExtension(image, at, { type: extensionEncryption, content: pointer });
    spec.luks.copy(image, luksAt);
  }
  if (spec.backing !== undefined) {
    at = writeExtension(image, at, { type: extensionBackingFormat, content: Buffer.from(spec.backing.format) });
    at += 8;
    const name = Buffer.from(spec.backing.path);
    name.copy(image, at);
    image.writeBigUInt64BE(BigInt(at), 8);
    image.writeUInt32BE(name.length, 16);
  }
  image.writeBigUInt64BE(BigInt(blockAt), tableAt);
  for (let cluster = 0; cluster < clusters; cluster += 1) image.writeUInt16BE(1, blockAt + cluster * 2);
  return image;
}

function writeExtension(image: Buffer, at: number, extension: { type: number; content: Buffer }): number {
  image.writeUInt32BE(extension.type, at);
  image.writeUInt32BE(extension.content.length, at + 4);
  extension.content.copy(image, at + 8);
  return at + 8 + Math.ceil(extension.content.length / 8) * 8;
}

export interface NewFile {
  readonly mode: number;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
}

/**
 * Writes the image to a file that must not exist, durably; clusters of zeros become holes.
 * @throws the system's error (`EEXIST`, `ENOSPC`…)
 */
export async function writeQcow2(path: string, image: Buffer, file: NewFile): Promise<void> {
  const handle = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, file.mode);
  try {
    if (file.uid !== undefined) await handle.chown(file.uid, file.gid ?? file.uid);
    await handle.truncate(image.length);
    for (let at = 0; at < image.length; at += clusterBytes) {
      const cluster = image.subarray(at, at + clusterBytes);
      if (!isZero(cluster)) await handle.write(cluster, 0, cluster.length, at);
    }
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const zeros = Buffer.alloc(clusterBytes);

function isZero(cluster: Buffer): boolean {
  return cluster.equals(zeros.subarray(0, cluster.length));
}
