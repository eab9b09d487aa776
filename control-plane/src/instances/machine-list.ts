/**
 * Pages of the machine list that cost the same wherever they are.
 *
 * The contract pages by offset, and a database walks over an offset row by row: at 50,000 that takes longer than the page. A client that
 * walks through the list asks for the row after the last one it got, so the row each page starts with is remembered, and the next page
 * begins there. It is remembered for one state of the list only, told by the number of its rows, and for seconds.
 */
import { LruMap } from '#libs/cache/lru-map.ts';
import type { Session } from '../database/database.ts';
import {
  countAllMachines,
  countMachines,
  type Direction,
  type Filter,
  type ListedRow,
  type MachineOrder,
  machinePages,
} from './list-store.ts';

export interface Page {
  readonly limit: number;
  readonly offset: number;
  readonly order: MachineOrder;
  readonly direction: Direction;
}

interface Start {
  readonly sortKey: string;
  readonly id: string;
  readonly until: number;
}

/** Below this the walk is quicker than looking anything up. */
const shallow = 1_000;
const rememberedMs = 10_000;
const rememberedMax = 2_000;

export class MachineList {
  readonly #starts = new LruMap<string, Start>(rememberedMax);

  async page(session: Session, filter: Filter, page: Page): Promise<{ rows: ListedRow[]; total: number }> {
    const [tenantId, ...conditions] = filter;
    const counted = conditions.every((condition) => condition === null)
      ? await session.first(countAllMachines, tenantId)
      : await session.first(countMachines, ...filter);
    const total = counted?.total ?? 0;
    const key = JSON.stringify([filter, page.order, page.direction, total]);
    const rows = await this.#read(session, filter, { ...page, key });
    const first = rows[0];
    if (first !== undefined) this.#remember(key, page.offset, first);
    // One row more than asked for was read: where the next page starts.
    const next = rows[page.limit];
    if (next !== undefined) this.#remember(key, page.offset + page.limit, next);
    const shown = rows.slice(0, page.limit);
    return { rows: shown, total: Math.max(total, page.offset + shown.length) };
  }

  async #read(session: Session, filter: Filter, page: Page & { key: string }): Promise<ListedRow[]> {
    const { atOffset, fromRow } = machinePages(page.order, page.direction);
    const start = page.offset < shallow ? undefined : this.#starts.get(`${page.key}@${String(page.offset)}`);
    if (start === undefined || start.until < performance.now())
      return session.rows(atOffset, ...filter, page.limit + 1, page.offset);
    return session.rows(fromRow, ...filter, page.limit + 1, start.sortKey, start.id);
  }

  #remember(key: string, offset: number, { sortKey, id }: ListedRow): void {
    if (offset < shallow) return;
    this.#starts.set(`${key}@${String(offset)}`, { sortKey, id, until: performance.now() + rememberedMs });
  }
}
