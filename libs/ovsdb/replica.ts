import { OvsdbProtocolError } from './errors.ts';
import { Row, type TableShape } from './row.ts';
import type { DatabaseShape } from './schema.ts';

/** Which columns of which tables to follow. */
export type Selection = Readonly<Record<string, readonly string[]>>;

type Watcher = (row: Row | undefined) => void;

/** An in-memory copy of chosen tables, kept equal to the server by `monitor_cond` and `update2` (ovsdb-server(7) §4.1.12). */
export class Replica {
  readonly #selection: Selection;
  #shapes = new Map<string, TableShape>();
  #tables = new Map<string, Map<string, Row>>();
  readonly #watchers = new Map<string, Set<Watcher>>();

  constructor(selection: Selection) {
    this.#selection = selection;
    for (const table of Object.keys(selection)) this.#tables.set(table, new Map());
  }

  /** All rows of a table by UUID; as of the last synchronisation while the server is away. */
  rows(table: string): ReadonlyMap<string, Row> {
    const rows = this.#tables.get(table);
    if (rows === undefined) throw new TypeError(`table "${table}" is not followed`);
    return rows;
  }

  row(table: string, uuid: string): Row | undefined {
    return this.rows(table).get(uuid);
  }

  /** Waits until `predicate` holds for the row (undefined: no such row). False when that took longer than `timeoutMs`. */
  waitRow(
    table: string,
    uuid: string,
    options: { until: (row: Row | undefined) => boolean; timeoutMs: number },
  ): Promise<boolean> {
    if (options.until(this.row(table, uuid))) return Promise.resolve(true);
    const key = watchKey(table, uuid);
    const watchers = this.#watchers.get(key) ?? new Set<Watcher>();
    this.#watchers.set(key, watchers);
    return new Promise((resolve) => {
      const finish = (held: boolean): void => {
        clearTimeout(timer);
        watchers.delete(watcher);
        if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
        resolve(held);
      };
      const watcher: Watcher = (row) => {
        if (options.until(row)) finish(true);
      };
      const timer = setTimeout(() => finish(false), options.timeoutMs);
      watchers.add(watcher);
    });
  }

  /**
   * The `<monitor-cond-requests>` for a server with this schema.
   *
   * @throws {OvsdbProtocolError} when the schema lacks a chosen table or column.
   */
  monitorRequests(database: DatabaseShape): Record<string, { columns: readonly string[] }[]> {
    const shapes = new Map<string, TableShape>();
    const requests: Record<string, { columns: readonly string[] }[]> = {};
    for (const [table, columns] of Object.entries(this.#selection)) {
      const found = database.get(table);
      if (found === undefined) throw new OvsdbProtocolError(`the database has no table "${table}"`);
      shapes.set(table, new Map(columns.map((column) => [column, requireColumn(found, table, column)])));
      requests[table] = [{ columns }];
    }
    this.#shapes = shapes;
    return requests;
  }

  /** Replaces everything by the answer of `monitor_cond`. */
  reset(initial: unknown): void {
    this.#tables = new Map([...this.#shapes.keys()].map((table) => [table, new Map<string, Row>()]));
    this.apply(initial);
    for (const key of [...this.#watchers.keys()]) {
      const [table = '', uuid = ''] = key.split('/');
      this.#notify(table, uuid);
    }
  }

  /** Applies one `<table-updates2>`. */
  apply(updates: unknown): void {
    for (const [table, rows] of entries(updates)) {
      const current = this.#tables.get(table);
      const shape = this.#shapes.get(table);
      if (current === undefined || shape === undefined)
        throw new OvsdbProtocolError(`an update names the table "${table}", which is not followed`);
      for (const [uuid, update] of entries(rows)) {
        for (const [kind, wire] of entries(update)) applyRow({ current, shape, uuid }, kind, wire);
        this.#notify(table, uuid);
      }
    }
  }

  #notify(table: string, uuid: string): void {
    const watchers = this.#watchers.get(watchKey(table, uuid));
    if (watchers === undefined) return;
    const row = this.row(table, uuid);
    for (const watcher of [...watchers]) watcher(row);
  }
}

function applyRow(
  target: { current: Map<string, Row>; shape: TableShape; uuid: string },
  kind: string,
  wire: unknown,
): void {
  const { current, shape, uuid } = target;
  if (kind === 'initial' || kind === 'insert') {
    current.set(uuid, new Row(uuid, shape, Object.fromEntries(entries(wire))));
  } else if (kind === 'modify') {
    const row = current.get(uuid);
    if (row === undefined) throw new OvsdbProtocolError(`an update changes the row ${uuid}, which is not known`);
    row.applyDifference(Object.fromEntries(entries(wire)));
  } else if (kind === 'delete') {
    current.delete(uuid);
  } else {
    throw new OvsdbProtocolError(`an update has the unknown kind "${kind}"`);
  }
}

function requireColumn(shape: TableShape, table: string, column: string): NonNullable<ReturnType<TableShape['get']>> {
  const found = shape.get(column);
  if (found === undefined) throw new OvsdbProtocolError(`the table "${table}" has no column "${column}"`);
  return found;
}

function watchKey(table: string, uuid: string): string {
  return `${table}/${uuid}`;
}

function entries(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new OvsdbProtocolError('an update is not an object');
  return Object.entries(value);
}
