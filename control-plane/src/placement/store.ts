/** SQL of placement: capacity of hosts is taken and given back in the transaction that needs it. */
import { statement } from '../database/statement.ts';

const fits = `state = 'ready' and reachable and vcpus_reserved + $2 * case when $4 then overcommit else 1 end <= cores * overcommit
  and memory_reserved_mib + $3 <= memory_mib`;

const take = (lock: string): string => `update hosts set
    vcpus_reserved = vcpus_reserved + $2 * case when $4 then overcommit else 1 end,
    memory_reserved_mib = memory_reserved_mib + $3
  where id = (
    select id from hosts where zone_id = $1 and ${fits} and ($5::uuid is null or id = $5)
    order by memory_reserved_mib::float8 / memory_mib, vcpus_reserved, id limit 1 ${lock})
  returning id`;

type Demand = [zoneId: string, vcpus: number, memoryMib: number, dedicated: boolean, onHost: string | null];

/** The emptiest host that fits and that nobody else is just filling. */
export const takeHostUnlocked = statement<Demand, { id: string }>(
  'placement_take_unlocked',
  take('for update skip locked'),
);
/** The same, waiting for others to be done with the emptiest one. */
export const takeHost = statement<Demand, { id: string }>('placement_take', take('for update'));

export const zoneFits = statement<
  [zoneId: string, vcpus: number, memoryMib: number, dedicated: boolean],
  { fits: boolean }
>('placement_zone_fits', `select exists (select 1 from hosts where zone_id = $1 and ${fits}) as fits`);

export const giveHostBack = statement<[hostId: string, vcpus: number, memoryMib: number, dedicated: boolean]>(
  'placement_give_back',
  `update hosts set vcpus_reserved = vcpus_reserved - $2 * case when $4 then overcommit else 1 end,
     memory_reserved_mib = memory_reserved_mib - $3 where id = $1`,
);
