/** Where an agent listens. `prefix` is put before every path and is '' or starts with '/'. */
export type Endpoint =
  | { readonly kind: 'unix'; readonly path: string; readonly prefix: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number; readonly prefix: string };

/** sun_path holds 108 bytes with its final NUL (unix(7)). */
const unixPathBytesMax = 107;

/**
 * Reads `unix:/abs/path.sock`, `unix:/abs/path.sock#/prefix` or `https://host:port`.
 * @throws RangeError when it is none of them or the socket's path is too long for the kernel
 */
export function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('unix:')) {
    const [path = '', prefix = ''] = text.slice('unix:'.length).split('#', 2);
    if (!path.startsWith('/')) throw new RangeError(`${text}: the socket's path is not absolute`);
    if (Buffer.byteLength(path) > unixPathBytesMax) {
      throw new RangeError(`${text}: the socket's path is longer than ${unixPathBytesMax} bytes`);
    }
    if (prefix !== '' && !prefix.startsWith('/')) throw new RangeError(`${text}: the prefix does not start with /`);
    return { kind: 'unix', path, prefix: prefix.replace(/\/+$/, '') };
  }
  if (!URL.canParse(text)) throw new RangeError(`${text} is not an agent endpoint`);
  const url = new URL(text);
  if (url.protocol !== 'https:') throw new RangeError(`${text} is not an agent endpoint`);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  return { kind: 'tcp', host, port: Number(url.port || 443), prefix: url.hash.slice(1).replace(/\/+$/, '') };
}
