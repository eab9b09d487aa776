import { request, Agent } from 'node:https';
import type { IncomingMessage } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Activity } from '#contract/generated/tenant.ts';

/** Waits between two looks at an activity, in seconds; the last one repeats (notes §6.1). */
const pollSeconds = [1, 2, 3, 5, 8, 13, 21, 30];
const requestTimeoutMs = 60_000;

interface RawAnswer {
  readonly status: number;
  readonly text: string;
  readonly location: string | undefined;
}

/**
 * Speaks like the Terraform provider (notes §1): HTTPS with a private CA, the prefix `/api`, connections kept, `<`, `>` and `&` escaped
 * in bodies that end with a newline, no Content-Type without a body, activities polled.
 */
export class TerraformClient {
  readonly #agent: Agent;
  readonly #baseUrl: string;
  #jwt: string | null = null;

  constructor(apiUrl: string, ca: string) {
    this.#baseUrl = `${apiUrl}/api`;
    this.#agent = new Agent({ ca, keepAlive: true });
  }

  /** Exchanges the token; the answer goes verbatim into the header, so it must be the bare JWT. */
  async login(token: { id: string; secret: string }): Promise<void> {
    const { status, text } = await this.#send('POST', '/iam/v2/auth/personal_access_token', token);
    if (status !== 200) throw new Error(`the login answered ${status}: ${text}`);
    this.#jwt = text;
  }

  /** A read that must succeed. */
  async read<T>(path: string): Promise<T> {
    const { status, text } = await this.#send('GET', path);
    if (status !== 200) throw new Error(`GET ${path} answered ${status}: ${text}`);
    return JSON.parse(text) as T;
  }

  /** Status of a read. */
  async statusOf(path: string): Promise<number> {
    return (await this.#send('GET', path)).status;
  }

  /** An asynchronous write, followed by polling to its end, which must be `completed`. */
  async write(method: 'POST' | 'PATCH' | 'DELETE', path: string, body?: object): Promise<Activity> {
    const { status, text, location } = await this.#send(method, path, body);
    if (status !== 201 || location === undefined || text !== '')
      throw new Error(`${method} ${path} answered ${status} with Location ${location ?? 'missing'}: ${text}`);
    for (let poll = 0; ; poll += 1) {
      const activity = await this.read<Activity>(`/activity/v1/activities/${location}`);
      const states = Object.keys(activity.state);
      if (states.length !== 1) throw new Error(`an activity with the states ${states.join(', ')}`);
      if (states[0] === 'completed') return activity;
      if (states[0] === 'failed' || poll > 10) throw new Error(`${method} ${path}: ${JSON.stringify(activity)}`);
      await delay(1_000 * (pollSeconds[Math.min(poll, pollSeconds.length - 1)] ?? 30));
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  async #send(method: string, path: string, body?: object): Promise<RawAnswer> {
    const payload = body === undefined ? null : Buffer.from(`${escaped(JSON.stringify(body))}\n`);
    const headers: Record<string, string> = {
      'User-Agent': 'Go-http-client/1.1',
      ...(this.#jwt === null ? {} : { Authorization: `Bearer ${this.#jwt}` }),
      ...(payload === null ? {} : { 'Content-Type': 'application/json' }),
      ...(method === 'GET' ? {} : { 'Content-Length': String(payload?.length ?? 0) }),
    };
    const answer = await new Promise<IncomingMessage>((resolve, reject) => {
      const call = request(
        this.#baseUrl + path,
        { method, headers, agent: this.#agent, timeout: requestTimeoutMs },
        resolve,
      );
      call.on('error', reject).on('timeout', () => call.destroy(new Error(`${method} ${path} timed out`)));
      call.end(payload ?? undefined);
    });
    const chunks: Buffer[] = [];
    for await (const chunk of answer as AsyncIterable<Buffer>) chunks.push(chunk);
    return {
      status: answer.statusCode ?? 0,
      text: Buffer.concat(chunks).toString('utf8'),
      location: answer.headers.location,
    };
  }
}

/** As Go's encoder writes JSON. */
function escaped(json: string): string {
  return json.replaceAll('<', '\\u003c').replaceAll('>', '\\u003e').replaceAll('&', '\\u0026');
}
