/** Whether this process can do its work, asked by supervisors and load balancers. */
import type { Health } from '#contract/generated/provider.ts';
import type { Database } from '../database/database.ts';
import { ping } from './store.ts';

/** A load balancer gives up after some seconds; the answer has to be there before. */
const timeoutMs = 2_000;

export async function checkHealth(parts: {
  readonly database: Database;
  readonly name: string;
  readonly version: string;
}): Promise<Health> {
  const { name, version } = parts;
  const problem = await databaseProblem(parts.database);
  return problem === null
    ? { status: 'ok', name, version, problems: [] }
    : { status: 'unavailable', name, version, problems: [problem] };
}

async function databaseProblem(database: Database): Promise<string | null> {
  const { promise: late, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve('the database does not answer in time'), timeoutMs);
  // Anybody may ask, so the reason stays in the log of whoever reconnects.
  const answered = database
    .asPlatform((session) => session.first(ping))
    .then(
      () => null,
      () => 'the database cannot be reached',
    );
  try {
    return await Promise.race([answered, late]);
  } finally {
    clearTimeout(timer);
  }
}
