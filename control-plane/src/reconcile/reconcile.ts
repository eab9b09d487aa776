/** What must stay true, kept true by one replica (design §1.4). */
import { randomInt } from 'node:crypto';
import type { Logger } from 'pino';
import { deleteOldActivities } from '../activity/store.ts';
import type { Agents } from '../compute/agents.ts';
import type { Database } from '../database/database.ts';
import type { NetworkDriver } from '../network/driver/driver.ts';
import { wantedNetworks } from '../network/service.ts';
import { collect } from '../tombstones/service.ts';
import type { Engine } from '../workflow/engine.ts';
import { reconcileArrays } from './arrays.ts';
import { watchHosts } from './hosts.ts';
import { lead } from './leader.ts';
import { every } from './loop.ts';
import { beat, deadReplicas, removeReplica } from './store.ts';

export interface ReconcileParts {
  readonly database: Database;
  readonly databaseUrl: string;
  readonly agents: Agents;
  readonly network: NetworkDriver;
  readonly engine: Engine;
  readonly log: Logger;
  readonly replica: { readonly name: string; readonly version: string };
}

const beatMs = 3_000;
/** Longer than a restart takes: a replica that comes back takes up its own work. */
const silentSeconds = 15;
const sweepMs = 2_000;
const ownMs = 5_000;
const arraysMs = 15_000;
const networksMs = 60_000;
const collectMs = 10_000;
const housekeepingMs = 3_600_000;
/** Notes §6.5 asks for hours; LOG-03 keeps console events for six months. */
const activitiesDays = 190;
const batch = 5_000;

/** Runs until `signal` fires. The heartbeat and its own operations are every replica's; the rest is the leader's. */
export async function reconcile(parts: ReconcileParts, signal: AbortSignal): Promise<void> {
  const { database, engine, log, network, replica } = parts;
  const startedAt = new Date();
  const alive = every(beatMs, { what: 'heartbeat', log, signal }, async () => {
    await database.asPlatform((session) => session.run(beat, replica.name, replica.version, startedAt));
  });
  await Promise.all([
    alive,
    every(ownMs, { what: 'own operations', log, signal }, async () => {
      const resumed = await engine.resumeOwn();
      if (resumed > 0) log.warn({ resumed }, 'took up operations that had broken off here');
    }),
    lead({ databaseUrl: parts.databaseUrl, log, signal }, async (leading) => {
      const leadingSince = performance.now();
      const job = (what: string, everyMs: number, work: () => Promise<void>): Promise<void> =>
        every(everyMs, { what, log, signal: leading }, work);
      await Promise.all([
        watchHosts({ database, agents: parts.agents, log }, leading),
        job('arrays', arraysMs, () => reconcileArrays(parts)),
        job('networks', networksMs + randomInt(5_000), async () => {
          const readAt = Date.now();
          const { changed } = await network.reconcile({ ...(await wantedNetworks(database)), readAt });
          if (changed > 0) log.warn({ changed }, 'the data path had drifted and was healed');
        }),
        job('collector', collectMs, async () => {
          const collected = await collect(parts);
          if (collected > 0) log.info({ collected }, 'removed what was left behind');
        }),
        job('sweep', sweepMs, async () => {
          // Right after a loss of the database nobody has beaten; who is dead shows only when the living have had their time.
          const waited = performance.now() - leadingSince > silentSeconds * 1000;
          const silent = waited
            ? await database.asPlatform((session) => session.rows(deadReplicas, silentSeconds))
            : [];
          const dead = silent.filter(({ name }) => name !== replica.name);
          const { revived, all } = await engine.sweep(dead.map((row) => row.name));
          if (all)
            for (const { name } of dead) await database.asPlatform((session) => session.run(removeReplica, name));
          if (revived > 0)
            log.warn({ revived, dead: dead.map((row) => row.name) }, 'took up operations that had lost their process');
        }),
        job('housekeeping', housekeepingMs, async () => {
          while ((await engine.housekeeping()) && !leading.aborted);
          let deleted = batch;
          while (deleted === batch && !leading.aborted)
            deleted = await database.asPlatform((session) => session.run(deleteOldActivities, activitiesDays, batch));
        }),
      ]);
    }),
  ]);
}
