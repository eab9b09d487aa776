import { isIPv4 } from 'node:net';

/** An IPv4 prefix; `first` is the network address as an unsigned 32-bit integer. */
export interface Ipv4Prefix {
  first: number;
  length: number;
}

/** @throws {RangeError} when it is not a dotted quad. */
export function parseIpv4(text: string): number {
  if (!isIPv4(text)) throw new RangeError(`not an IPv4 address: ${text}`);
  return text.split('.').reduce((value, octet) => value * 256 + Number(octet), 0);
}

export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** @throws {RangeError} when it is not `a.b.c.d/length` with all host bits zero. */
export function parsePrefix(text: string): Ipv4Prefix {
  const [address = '', lengthText = ''] = text.split('/');
  const length = /^\d{1,2}$/.test(lengthText) ? Number(lengthText) : 33;
  const first = parseIpv4(address);
  if (length > 32 || first % 2 ** (32 - length) !== 0) throw new RangeError(`not an IPv4 prefix: ${text}`);
  return { first, length };
}

/** True for every address of the prefix, network and broadcast addresses included. */
export function contains(prefix: Ipv4Prefix, address: number): boolean {
  return address >= prefix.first && address < prefix.first + 2 ** (32 - prefix.length);
}

/** True when a host may have the address: inside, and neither the network's nor the broadcast address. */
export function isHostAddress(prefix: Ipv4Prefix, address: number): boolean {
  return (
    contains(prefix, address) && address !== prefix.first && address !== prefix.first + 2 ** (32 - prefix.length) - 1
  );
}
