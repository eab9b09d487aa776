/** A small client of the public API for tests: a token, JSON in and out, activities awaited. */
import type { Activity } from '#contract/generated/tenant.ts';

export interface Answer {
  readonly status: number;
  /** Parsed JSON, or the text when it is none; null when empty. */
  readonly body: unknown;
  readonly location: string | null;
  readonly headers: Headers;
}

export class Api {
  readonly #baseUrl: string;
  readonly #jwt: string | null;
  constructor(baseUrl: string, jwt: string | null) {
    this.#baseUrl = baseUrl;
    this.#jwt = jwt;
  }

  async call(method: string, path: string, body?: unknown): Promise<Answer> {
    const answer = await fetch(this.#baseUrl + path, {
      method,
      redirect: 'error',
      headers: {
        ...(this.#jwt === null ? {} : { authorization: `Bearer ${this.#jwt}` }),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(90_000),
    });
    const text = await answer.text();
    const json = answer.headers.get('content-type')?.includes('json') === true;
    return {
      status: answer.status,
      body: text === '' ? null : json ? JSON.parse(text) : text,
      location: answer.headers.get('location'),
      headers: answer.headers,
    };
  }

  /** A read that must succeed. */
  async get<T>(path: string): Promise<T> {
    const answer = await this.call('GET', path);
    if (answer.status !== 200)
      throw new Error(`GET ${path} answered ${String(answer.status)}: ${JSON.stringify(answer.body)}`);
    return answer.body as T;
  }

  /** Waits until an activity has ended. */
  async ended(activityId: string, timeoutMs = 120_000): Promise<Activity> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const activity = await this.get<Activity>(`/activity/v1/activities/${activityId}/wait?timeoutSeconds=30`);
      if ('completed' in activity.state || 'failed' in activity.state) return activity;
      if (Date.now() > until) throw new Error(`activity still open: ${JSON.stringify(activity)}`);
    }
  }

  /** An asynchronous write, accepted and ended one way or the other. */
  async act(method: string, path: string, body?: unknown): Promise<Activity> {
    const answer = await this.call(method, path, body);
    if (answer.status !== 201 || answer.location === null)
      throw new Error(`${method} ${path} answered ${String(answer.status)}: ${JSON.stringify(answer.body)}`);
    return this.ended(answer.location);
  }

  /** The same, which must succeed. @returns the activity's result */
  async done(method: string, path: string, body?: unknown): Promise<string> {
    const activity = await this.act(method, path, body);
    const result = activity.state['completed']?.result;
    if (typeof result !== 'string') throw new Error(`${method} ${path} did not complete: ${JSON.stringify(activity)}`);
    return result;
  }
}

/** What a create request needs, by the names that users' configurations look up (terraform.md). */
export async function machineRequest(
  api: Api,
  options: { name: string; template?: string; power?: 'on' | 'off'; cpu?: number; memory?: number; zone?: string },
): Promise<Record<string, unknown>> {
  const find = async (path: string, name: string): Promise<string> => {
    const found = (await api.get<{ id: string; name: string }[]>(`/vm_instances/v1/${path}`)).find(
      (entry) => entry.name === name,
    );
    if (found === undefined) throw new Error(`${path} has no ${name}`);
    return found.id;
  };
  return {
    name: options.name,
    availabilityZoneId: await find('availability_zones', options.zone ?? 'fr1-az01'),
    templateId: await find('templates', options.template ?? 'Micro (test)'),
    instanceFamilyId: await find('instance_families', 'Development'),
    backupPolicyId: await find('backup_policies', 'No Backup'),
    cpu: options.cpu ?? 1,
    memory: options.memory ?? 1,
    networkInterfaces: [{ deviceIndex: 0, networkId: await find('networks', 'LAN01') }],
    powerState: options.power ?? 'on',
  };
}
