import { createHash } from 'node:crypto';

const imageNamespace = Buffer.from('6f0c7d1e5b1a4c0e9d0c3b8c7a1d2e4f', 'hex');

/** The stable id of all versions of an image: a UUID v5 (RFC 9562 §5.5) of its name, so that every region agrees on it. */
export function imageIdOf(name: string): string {
  const bytes = createHash('sha1').update(imageNamespace).update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
