import { chmod, unlink } from 'node:fs/promises';
import type { Server } from 'node:https';
import { connect } from 'node:net';
import type { Endpoint } from './endpoint.ts';

const probeTimeoutMs = 1_000;

/**
 * Binds the server and returns the endpoint's text. A unix socket is made 0600; one left by a dead process is removed.
 * @throws Error when a live process answers on the socket, or the system refuses the address
 */
export async function listen(server: Server, endpoint: Endpoint): Promise<string> {
  if (endpoint.kind === 'tcp') {
    await bound(server, () => server.listen(endpoint.port, endpoint.host));
    const address = server.address();
    const port = address !== null && typeof address === 'object' ? address.port : endpoint.port;
    return `https://${endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host}:${port}`;
  }
  await removeStaleSocket(endpoint.path);
  await bound(server, () => {
    // Node binds a path synchronously: the socket is never open to others, not even until the chmod.
    const before = process.umask(0o177);
    try {
      server.listen(endpoint.path);
    } finally {
      process.umask(before);
    }
  });
  await chmod(endpoint.path, 0o600);
  return `unix:${endpoint.path}`;
}

function bound(server: Server, start: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.once('listening', () => {
      server.off('error', reject);
      resolve();
    });
    start();
  });
}

async function removeStaleSocket(path: string): Promise<void> {
  const state = await new Promise<'live' | 'stale' | 'absent'>((resolve, reject) => {
    const socket = connect(path);
    socket.setTimeout(probeTimeoutMs, () => {
      socket.destroy();
      resolve('live');
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve('live');
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('absent');
      else if (error.code === 'ECONNREFUSED') resolve('stale');
      else reject(error);
    });
  });
  if (state === 'live') throw new Error(`another process already listens on ${path}`);
  if (state === 'stale') await unlink(path);
}
