/** SQL of the list of machines. */
import { statement } from '../database/statement.ts';
import { machineColumns, type MachineRow } from './store.ts';

/** Columns that a list may be ordered by, as the contract calls them, with their types. Each order is total: the id breaks ties. */
const orders = {
  createdAt: ['created_at', 'timestamptz'],
  name: ['name', 'text'],
  updatedAt: ['updated_at', 'timestamptz'],
  status: ['status', 'text'],
  vcpu: ['vcpu', 'int4'],
  ramGb: ['ram_gb', 'int4'],
} as const;
export type MachineOrder = keyof typeof orders;
export type Direction = 'asc' | 'desc';

const filter = `tenant_id = $1 and ($2::text is null or name = $2) and ($3::text is null or status = $3)
  and ($4::uuid is null or zone_id = $4) and ($5::uuid is null or family_id = $5)`;
export type Filter = [
  tenantId: string,
  name: string | null,
  status: string | null,
  zoneId: string | null,
  familyId: string | null,
];

/** A machine in a list; `sortKey` is the exact value it is ordered by, as text (a `Date` has no microseconds). */
export type ListedRow = MachineRow & { readonly sortKey: string };

/** The ids come from an index alone; only the rows of the page are read. */
function page(order: MachineOrder, direction: Direction, from: string): string {
  const [column] = orders[order];
  const by = (prefix: string): string => `${prefix}${column} ${direction}, ${prefix}id ${direction}`;
  return `select ${machineColumns('m.')}, m.${column}::text as "sortKey" from machines m
    join (select id as page_id from machines where ${filter} ${from.replace('$order', by(''))}) p on p.page_id = m.id
    order by ${by('m.')}`;
}

type AtOffset = ReturnType<typeof statement<[...Filter, limit: number, offset: number], ListedRow>>;
type FromRow = ReturnType<typeof statement<[...Filter, limit: number, sortKey: string, id: string], ListedRow>>;
interface PageStatements {
  /** Walks over `offset` rows first: its cost grows with the offset. */
  readonly atOffset: AtOffset;
  /** Starts with a known row: the same cost everywhere. */
  readonly fromRow: FromRow;
}

const pages = new Map<string, PageStatements>();
for (const order of Object.keys(orders) as MachineOrder[])
  for (const direction of ['asc', 'desc'] as const) {
    const [column, type] = orders[order];
    const name = `${order.toLowerCase()}_${direction}`;
    const start = `and (${column}, id) ${direction === 'asc' ? '>=' : '<='} ($7::${type}, $8::uuid)`;
    pages.set(`${order} ${direction}`, {
      atOffset: statement(`machine_page_${name}`, page(order, direction, 'order by $order limit $6 offset $7')),
      fromRow: statement(`machine_page_from_${name}`, page(order, direction, `${start} order by $order limit $6`)),
    });
  }

/** The statements for one order of the list. */
export function machinePages(order: MachineOrder, direction: Direction): PageStatements {
  const found = pages.get(`${order} ${direction}`);
  if (found === undefined) throw new Error(`no page statement for ${order} ${direction}`);
  return found;
}

export const countMachines = statement<Filter, { total: number }>(
  'machine_count',
  `select count(*) as total from machines where ${filter}`,
);

/** All machines of the tenant, from the counter that the quota keeps: a count of 100k rows would take longer than the page. */
export const countAllMachines = statement<[tenantId: string], { total: number }>(
  'machine_count_all',
  `select machine_count as total from tenant_usage where tenant_id = $1`,
);
