import { once } from 'node:events';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { ProcessStatus } from './supervised.ts';

/** What the supervisor lets its owner ask for. */
export interface SupervisorControl {
  status(): readonly ProcessStatus[];
  /** Reads the plan again and makes it so. */
  reload(): Promise<void>;
}

/** Serves the control socket (mode 0600): `GET /status`, `POST /reload`. */
export async function serveControl(
  socketPath: string,
  control: SupervisorControl,
): Promise<{ close(): Promise<void> }> {
  const server = createServer((call, response) => {
    const answer = async (): Promise<unknown> => {
      if (call.method === 'POST' && call.url === '/reload') await control.reload();
      return control.status();
    };
    answer().then(
      (body) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body)),
      (error: unknown) => response.writeHead(500).end(error instanceof Error ? error.message : String(error)),
    );
  });
  rmSync(socketPath, { force: true });
  server.listen(socketPath);
  await once(server, 'listening');
  chmodSync(socketPath, 0o600);
  return {
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** Asks a supervisor. @throws the system's error (`ENOENT`, `ECONNREFUSED`) when none listens */
export async function askSupervisor(socketPath: string, what: 'status' | 'reload'): Promise<readonly ProcessStatus[]> {
  const body = await new Promise<string>((resolve, reject) => {
    // A reload stops what has changed, each with its grace time.
    const call = request(
      { socketPath, path: `/${what}`, method: what === 'reload' ? 'POST' : 'GET', timeout: 120_000 },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => (text += chunk));
        response.once('end', () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error(`supervisor: ${text}`)),
        );
      },
    );
    call.once('timeout', () => call.destroy(new Error('the supervisor does not answer')));
    call.once('error', reject);
    call.end();
  });
  return JSON.parse(body) as readonly ProcessStatus[];
}
