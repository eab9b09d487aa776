import { readFileSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';

/** Files for `ssl:` endpoints; both sides prove who they are. */
export interface TlsFiles {
  ca: string;
  cert: string;
  key: string;
}

/** One place where a database server listens. */
export type Endpoint = { kind: 'unix'; path: string } | { kind: 'tcp' | 'ssl'; host: string; port: number };

const DEFAULT_PORT = 6640;

/**
 * Reads the connection methods of ovsdb(7): `unix:PATH`, `tcp:HOST[:PORT]`, `ssl:HOST[:PORT]`, several separated by commas
 * for a clustered database.
 *
 * @throws {TypeError} on anything else.
 */
export function parseEndpoints(text: string): Endpoint[] {
  return text.split(',').map((part) => parseEndpoint(part.trim()));
}

function parseEndpoint(text: string): Endpoint {
  if (text.startsWith('unix:') && text.length > 'unix:'.length)
    return { kind: 'unix', path: text.slice('unix:'.length) };
  const match = /^(tcp|ssl):(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d{1,5}))?$/.exec(text);
  const [, kind, host, port] = match ?? [];
  if ((kind !== 'tcp' && kind !== 'ssl') || host === undefined) throw new TypeError(`not an OVSDB endpoint: ${text}`);
  const number = port === undefined ? DEFAULT_PORT : Number(port);
  if (number < 1 || number > 65_535) throw new TypeError(`port out of range: ${text}`);
  return { kind, host: host.replace(/^\[|\]$/g, ''), port: number };
}

/** Opens a socket that will emit `connect`/`secureConnect` or `error`. */
export function openSocket(endpoint: Endpoint, tls: TlsFiles | undefined): Socket {
  if (endpoint.kind === 'unix') return connectTcp({ path: endpoint.path });
  if (endpoint.kind === 'tcp') return connectTcp({ host: endpoint.host, port: endpoint.port, noDelay: true });
  if (tls === undefined) throw new TypeError('ssl: endpoints need TLS files');
  const socket = connectTls({
    host: endpoint.host,
    port: endpoint.port,
    ca: readFileSync(tls.ca),
    cert: readFileSync(tls.cert),
    key: readFileSync(tls.key),
    minVersion: 'TLSv1.2',
    // OVS certificates name the component, not the host: the private CA is what is trusted (ovs-pki(8)).
    checkServerIdentity: () => undefined,
  });
  socket.setNoDelay(true);
  return socket;
}
