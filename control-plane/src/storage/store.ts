/** SQL of pools and of the images that arrays have at hand. */
import { statement } from '../database/statement.ts';

const room = `select p.id from pools p join arrays a on a.id = p.array_id
  where a.zone_id = $1 and a.reachable and p.storage_type_id = $2 and p.allocated_gib + $3 <= p.size_gib
  order by p.allocated_gib::float8 / p.size_gib, p.id limit 1`;

type Demand = [zoneId: string, storageTypeId: string, gib: number];
export const takePoolUnlocked = statement<Demand, { id: string }>(
  'pool_take_unlocked',
  `update pools set allocated_gib = allocated_gib + $3 where id = (${room} for update of p skip locked) returning id`,
);
export const takePool = statement<Demand, { id: string }>(
  'pool_take',
  `update pools set allocated_gib = allocated_gib + $3 where id = (${room} for update of p) returning id`,
);
export const zoneHasRoom = statement<Demand, { id: string }>('pool_room', room);

/** Takes more of one pool, for a disk that grows. No row when there is no room. */
export const growInPool = statement<[poolId: string, gib: number], { id: string }>(
  'pool_grow',
  `update pools set allocated_gib = allocated_gib + $2 where id = $1 and allocated_gib + $2 <= size_gib returning id`,
);
export const givePoolBack = statement<[poolId: string, gib: number]>(
  'pool_give_back',
  `update pools set allocated_gib = allocated_gib - $2 where id = $1`,
);

export interface PoolRow {
  readonly id: string;
  readonly arrayId: string;
  readonly name: string;
  readonly storageClass: string;
  readonly sizeGib: number;
  readonly iopsLimit: number | null;
  readonly encrypted: boolean;
}
export const listPools = statement<[], PoolRow>(
  'pool_list',
  `select p.id, p.array_id as "arrayId", p.name, t.storage_class as "storageClass", p.size_gib as "sizeGib",
     p.iops_limit as "iopsLimit", p.encrypted
   from pools p join storage_types t on t.id = p.storage_type_id order by p.name`,
);
export const imageAtHand = statement<
  [arrayId: string, versionId: string],
  { path: string; format: 'qcow2' | 'raw'; sha256: string; atHand: boolean }
>(
  'image_at_hand',
  `select v.path, v.format, v.sha256, exists (
     select 1 from array_images i where i.array_id = $1 and i.image_version_id = v.id) as "atHand"
   from image_versions v where v.id = $2`,
);
export const setImageAtHand = statement<[arrayId: string, versionId: string]>(
  'image_set_at_hand',
  `insert into array_images (array_id, image_version_id) values ($1, $2) on conflict do nothing`,
);
export const forgetImagesAtHand = statement<[arrayId: string]>(
  'image_forget_at_hand',
  `delete from array_images where array_id = $1`,
);
