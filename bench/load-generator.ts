import { HttpConnection } from './http-connection.ts';
import {
  createBody,
  createMachine,
  deleteMachine,
  expectStatus,
  machinePath,
  pagePath,
  readOffer,
} from './tenant-client.ts';
import type { Follow } from './tenant-client.ts';

/** Where the load goes. */
export interface LoadTarget {
  /** Plain HTTP. */
  readonly baseUrl: string;
  readonly token: string;
}

/** What the parent asks of the load process: one scenario at a time. */
export type Scenario =
  | {
      readonly kind: 'create';
      readonly count: number;
      readonly concurrency: number;
      readonly follow: Follow;
      readonly prefix: string;
    }
  | { readonly kind: 'delete'; readonly ids: readonly string[]; readonly concurrency: number }
  | { readonly kind: 'read'; readonly ids: readonly string[]; readonly clients: number; readonly durationMs: number }
  | { readonly kind: 'list'; readonly offset: number; readonly count: number };

/** How a scenario went. */
export interface Outcome {
  readonly elapsedMs: number;
  /** Of each operation that succeeded, in milliseconds. */
  readonly latencies: readonly number[];
  /** Ids of what was created. */
  readonly ids: readonly string[];
  readonly errors: readonly string[];
}

/** Runs a scenario against a control plane. */
export async function runScenario(target: LoadTarget, scenario: Scenario): Promise<Outcome> {
  switch (scenario.kind) {
    case 'create':
      return await create(target, scenario);
    case 'delete':
      return await spread(
        target,
        { count: scenario.ids.length, concurrency: scenario.concurrency },
        async (connection, index) => {
          await deleteMachine(connection, scenario.ids[index] ?? '');
          return null;
        },
      );
    case 'read':
      return await read(target, scenario);
    case 'list':
      return await spread(target, { count: scenario.count, concurrency: 1 }, async (connection) => {
        expectStatus(await connection.send('GET', pagePath(scenario.offset)), 200);
        return null;
      });
  }
}

async function create(target: LoadTarget, scenario: Scenario & { kind: 'create' }): Promise<Outcome> {
  const first = await HttpConnection.open(target.baseUrl, target.token);
  const offer = await readOffer(first);
  first.close();
  return await spread(target, scenario, async (connection, index) => {
    return await createMachine(connection, createBody(offer, `${scenario.prefix}-${index}`, index), scenario.follow);
  });
}

async function read(target: LoadTarget, { ids, clients, durationMs }: Scenario & { kind: 'read' }): Promise<Outcome> {
  const end = performance.now() + durationMs;
  const more = (): boolean => performance.now() < end;
  return await spread(target, { count: Infinity, concurrency: clients, more }, async (connection, index) => {
    expectStatus(await connection.send('GET', machinePath(ids[index % ids.length] ?? '')), 200);
    return null;
  });
}

type Operation = (connection: HttpConnection, index: number) => Promise<string | null>;

/** Deals `count` operations out to `concurrency` clients, each with a connection of its own. */
async function spread(
  target: LoadTarget,
  { count, concurrency, more = () => true }: { count: number; concurrency: number; more?: () => boolean },
  operation: Operation,
): Promise<Outcome> {
  const connections = await Promise.all(
    Array.from({ length: concurrency }, () => HttpConnection.open(target.baseUrl, target.token)),
  );
  const latencies: number[] = [];
  const ids: string[] = [];
  const errors: string[] = [];
  let next = 0;
  const start = performance.now();
  await Promise.all(
    connections.map(async (connection) => {
      while (next < count && more()) {
        const index = next;
        next += 1;
        const began = performance.now();
        try {
          const id = await operation(connection, index);
          latencies.push(performance.now() - began);
          if (id !== null) ids.push(id);
        } catch (error) {
          errors.push(error instanceof Error ? error.message : String(error));
          if (errors.length > 100) return;
        }
      }
    }),
  );
  const elapsedMs = performance.now() - start;
  for (const connection of connections) connection.close();
  return { elapsedMs, latencies, ids, errors };
}
