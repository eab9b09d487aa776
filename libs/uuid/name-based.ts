import { createHash } from 'node:crypto';

/**
 * A name-based UUID (RFC 9562 section 5.5, version 5): the same namespace and name give the same id everywhere.
 * @throws when the namespace is not a UUID
 */
export function nameBasedUuid(namespace: string, name: string): string {
  const prefix = Buffer.from(namespace.replaceAll('-', ''), 'hex');
  if (prefix.length !== 16) throw new TypeError('a namespace is a UUID');
  const bytes = createHash('sha1').update(prefix).update(name).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x50, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
