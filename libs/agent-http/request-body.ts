import type { IncomingMessage } from 'node:http';
import { AgentProblem, invalidSpec } from './problem.ts';

const bodyBytesMax = 1024 ** 2;

/**
 * The JSON body of a request; undefined when it has none.
 * @throws AgentProblem 413 `too_large` above 1 MiB, 422 `invalid_spec` when it is not JSON
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  if (request.headers['content-length'] === undefined && request.headers['transfer-encoding'] === undefined) {
    return undefined;
  }
  if (Number(request.headers['content-length'] ?? 0) > bodyBytesMax) throw tooLarge();
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > bodyBytesMax) throw tooLarge();
    chunks.push(chunk);
  }
  if (size === 0) return undefined;
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch {
    throw invalidSpec('body', 'is not JSON');
  }
}

function tooLarge(): AgentProblem {
  return new AgentProblem(413, 'too_large', `the body is larger than ${bodyBytesMax} bytes`);
}
