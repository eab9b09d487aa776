import { connect } from 'node:net';
import { AgentClient } from '#libs/agent-http/client.ts';
import { run } from '#libs/process/run.ts';
import { awaitDatabase } from './postgres.ts';
import type { ReadyCheck } from './process-spec.ts';

/** Whether the check holds now; `null` when it does, else why not, in a few words. */
export async function probe(check: ReadyCheck, timeoutMs = 5_000): Promise<string | null> {
  try {
    switch (check.kind) {
      case 'unix-socket':
        await connectSocket(check.path, timeoutMs);
        return null;
      case 'command': {
        const printed = await run(check.argv, { timeoutMs });
        return check.prints === undefined || printed.includes(check.prints)
          ? null
          : `${check.argv[0]} prints ${printed.trim().slice(0, 200)}`;
      }
      case 'postgres':
        await awaitDatabase({ urlFor: databaseUrl(check.url) }, { database: check.database, timeoutMs });
        return null;
      case 'http': {
        const client = new AgentClient(check.endpoint, check.tls);
        try {
          await client.get(check.path, { timeoutMs });
        } finally {
          client.close();
        }
        return null;
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
