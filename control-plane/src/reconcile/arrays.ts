/** Follows every array: health, and its pools as they are wanted. */
import type { Array as StorageArray } from '#contract/generated/agent-array.ts';
import { AgentUnreachable } from '#libs/agent-http/problem.ts';
import type { Logger } from 'pino';
import type { Agents } from '../compute/agents.ts';
import { knownArrays } from '../compute/service.ts';
import type { Database } from '../database/database.ts';
import { wantedPools } from '../storage/service.ts';
import { setArrayAway, setArraySeen } from './store.ts';

/** Asks every array once and puts its pools in place. Arrays that do not answer take no new volumes until they do. */
export async function reconcileArrays(parts: { database: Database; agents: Agents; log: Logger }): Promise<void> {
  const { database, agents, log } = parts;
  const [arrays, pools] = [await knownArrays(database), await wantedPools(database)];
  await Promise.all(
    arrays.map(async (array) => {
      try {
        const agent = await agents.array(array.id);
        const observed = await agent.get<StorageArray>('/v1/array', { timeoutMs: 5_000 });
        for (const pool of pools.filter(({ arrayId }) => arrayId === array.id))
          await agent.put(`/v1/pools/${pool.id}`, pool.spec);
        await database.asPlatform((session) => session.run(setArraySeen, array.id, JSON.stringify(observed)));
      } catch (error) {
        log.warn({ err: error, array: array.name }, 'array is not in order');
        if (error instanceof AgentUnreachable)
          await database.asPlatform((session) => session.run(setArrayAway, array.id));
      }
    }),
  );
}
