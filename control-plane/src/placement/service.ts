/** Which host carries a machine (design §5). Decided and reserved in one transaction, so that replicas never oversell. */
import type { Session } from '../database/database.ts';
import { NotYet, OperationFailed } from '../workflow/operation.ts';
import { giveHostBack, takeHost, takeHostUnlocked, zoneFits } from './store.ts';

/** What a machine needs of its host. A dedicated vCPU takes a whole core, a shared one a share of it (INS-03). */
export interface Demand {
  readonly vcpus: number;
  readonly memoryMib: number;
  readonly dedicated: boolean;
}

/**
 * Reserves what is wanted on the emptiest ready host of the zone, or on `onHost` alone.
 * @returns the host's id; null when `onHost` was given and has no room
 * @throws OperationFailed `no_capacity` when no host of the zone has room
 */
export async function reserveHost(
  session: Session,
  want: Demand & { readonly zone: { readonly id: string; readonly name: string }; readonly onHost?: string },
): Promise<string | null> {
  const { zone, vcpus, memoryMib, dedicated, onHost = null } = want;
  const quick = await session.first(takeHostUnlocked, zone.id, vcpus, memoryMib, dedicated, onHost);
  if (quick !== null) return quick.id;
  const patient = await session.first(takeHost, zone.id, vcpus, memoryMib, dedicated, onHost);
  if (patient !== null) return patient.id;
  if (onHost !== null) return null;
  // The host that was waited for filled up meanwhile, but another one has room.
  if ((await session.first(zoneFits, zone.id, vcpus, memoryMib, dedicated))?.fits === true)
    throw new NotYet('hosts are contended');
  throw new OperationFailed(
    'no_capacity',
    `No host in ${zone.name} has ${String(vcpus)} vCPU and ${String(Math.round(memoryMib / 1024))} GB of memory free. Choose another zone or a smaller flavour, or try again later.`,
  );
}

export async function releaseHost(session: Session, hostId: string, demand: Demand): Promise<void> {
  await session.run(giveHostBack, hostId, demand.vcpus, demand.memoryMib, demand.dedicated);
}
