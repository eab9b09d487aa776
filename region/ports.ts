import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import type { RegionState } from './state.ts';

/** A port somebody else holds. */
export class PortBusy extends Error {
  override name = 'PortBusy';
}

/** One TCP port a region listens on, and what for. */
export interface WantedPort {
  readonly port: number;
  readonly purpose: string;
  /** Its key in the topology file. */
  readonly key: string;
}

/** Every TCP port of a region. @throws PortBusy when two purposes share one */
export function wantedPorts(state: Pick<RegionState, 'controlPlanes' | 'databasePort'>): WantedPort[] {
  const wanted = state.controlPlanes.flatMap(({ name, tenantPort, plainPort, providerPort }): WantedPort[] => [
    { port: tenantPort, purpose: `the tenant API of ${name}`, key: 'listen.tenantPort' },
    ...(plainPort === null
      ? []
      : [{ port: plainPort, purpose: `the plain HTTP API of ${name}`, key: 'listen.plainPort' }]),
    { port: providerPort, purpose: `the provider API of ${name}`, key: 'listen.providerPort' },
  ]);
  if (state.databasePort !== null)
    wanted.push({ port: state.databasePort, purpose: 'PostgreSQL', key: 'database.port' });
  for (const [index, { port, purpose }] of wanted.entries()) {
    const other = wanted.slice(0, index).find((earlier) => earlier.port === port);
    if (other) throw new PortBusy(`port ${port} is wanted twice: for ${other.purpose} and for ${purpose}`);
  }
  return wanted;
}

/**
 * Makes sure that each port can be bound, or is held by one of ours.
 * @throws PortBusy naming the port, what it is for, who holds it where that can be seen, and the way out
 */
export async function assertPortsFree(
  wanted: readonly WantedPort[],
  address: string,
  ours: ReadonlySet<number>,
): Promise<void> {
  for (const { port, purpose, key } of wanted) {
    const error = await tryBind(port, address);
    if (error === null) continue;
    if (error !== 'EADDRINUSE')
      throw new PortBusy(`port ${port} on ${address}, for ${purpose}, cannot be used: ${error}`);
    const holder = findHolder(port);
    if (holder && ours.has(holder.pid)) continue;
    const who = holder ? `process ${holder.pid} (${holder.command})` : 'another process';
    throw new PortBusy(`port ${port}, for ${purpose}, is in use by ${who}: end it, or set ${key} in a --topology file`);
  }
}

async function tryBind(port: number, address: string): Promise<string | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host: address, exclusive: true }, () => server.close(() => resolve(null)));
  });
}

/** The process that listens on a TCP port, as far as /proc shows it. */
export function findHolder(port: number): { readonly pid: number; readonly command: string } | null {
  if (process.platform !== 'linux') return null;
  const inodes = new Set(['tcp', 'tcp6'].flatMap((table) => listeningInodes(`/proc/net/${table}`, port)));
  if (inodes.size === 0) return null;
  for (const entry of readdirSync('/proc')) {
    if (/^\d+$/.test(entry) && holdsSocket(entry, inodes)) return { pid: Number(entry), command: commandOf(entry) };
  }
  return null;
}

function listeningInodes(table: string, port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return readFileSync(table, 'latin1')
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${wanted}`) && fields[3] === '0A')
    .map((fields) => `socket:[${fields[9]}]`);
}

function holdsSocket(pid: string, inodes: ReadonlySet<string>): boolean {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((fd) => {
      try {
        return inodes.has(readlinkSync(`/proc/${pid}/fd/${fd}`));
      } catch {
        return false;
      }
    });
  } catch {
    // Ended meanwhile, or not ours to look into.
    return false;
  }
}

function commandOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
