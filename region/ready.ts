import { request as httpRequest } from 'node:http';
import { readFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { RequestOptions } from 'node:https';
import { run } from '#libs/process/run.ts';
import { awaitDatabase } from './postgres.ts';
import type { ReadyCheck, TlsClientFiles } from './process-spec.ts';

/** Whether the check holds now; `null` when it does, else why not, in a few words. */
export async function probe(check: ReadyCheck, timeoutMs = 5_000): Promise<string | null> {
  try {
    switch (check.kind) {
      case 'unix-socket':
        await connectSocket(check.path, timeoutMs);
        return null;
      case 'command': {
        const printed = await run(check.argv, { timeoutMs });
        return check.prints === undefined || printed.includes(check.prints) ? null : `${check.argv[0]} prints ${printed.trim().slice(0, 200)}`;
      }
      case 'postgres':
        await awaitDatabase({ urlFor: databaseUrl(check.url) }, { database: check.database, timeoutMs });
        return null;
      case 'http': {
        const status = await getStatus(check, timeoutMs);
        return status >= 200 && status < 300 ? null : `GET ${check.path} answers ${status}`;
      }
    }
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function databaseUrl(url: string): (database: string) => string {
  return (database) => {
    const target = new URL(url);
    target.pathname = `/${database}`;
    return target.href;
  };
}

async function connectSocket(path: string, timeoutMs: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(path);
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no connection to ${path} within ${timeoutMs} ms`)));
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
    socket.once('error', reject);
  });
}

async function getStatus(check: { endpoint: string; path: string; tls: TlsClientFiles }, timeoutMs: number): Promise<number> {
  const options: RequestOptions = {
    ca: readFileSync(check.tls.ca),
    cert: readFileSync(check.tls.cert),
    key: readFileSync(check.tls.key),
    ...target(check.endpoint, check.path),
    timeout: timeoutMs,
    agent: false,
  };
  const request = check.endpoint.startsWith('http:') ? httpRequest : httpsRequest;
  return new Promise((resolve, reject) => {
    const call = request(options, (response) => {
      response.resume();
      response.once('end', () => resolve(response.statusCode ?? 0));
      response.once('error', reject);
    });
    call.once('timeout', () => call.destroy(new Error(`no answer within ${timeoutMs} ms`)));
    call.once('error', reject);
    call.end();
  });
}

function target(endpoint: string, path: string): RequestOptions {
  if (!endpoint.startsWith('unix:')) {
    const url = new URL(endpoint);
    return { host: url.hostname, port: url.port, path };
  }
  const [socketPath = '', prefix = ''] = endpoint.slice('unix:'.length).split('#');
  // The name that agents' certificates carry for their unix socket.
  return { socketPath, path: `${prefix}${path}`, servername: 'localhost' };
}
