import type { WireRow, WireValue } from './values.ts';

/** `[column, function, value]` of RFC 7047 §5.1. */
export type Condition = [string, '<' | '<=' | '==' | '!=' | '>=' | '>' | 'includes' | 'excludes', WireValue];
export type Mutation = [string, '+=' | '-=' | '*=' | '/=' | '%=' | 'insert' | 'delete', WireValue];

/** The operations of RFC 7047 §5.2 that a client of OVN needs. */
export type Operation =
  | { op: 'insert'; table: string; row: WireRow; 'uuid-name'?: string; uuid?: string }
  | { op: 'select'; table: string; where: Condition[]; columns?: string[] }
  | { op: 'update'; table: string; where: Condition[]; row: WireRow }
  | { op: 'mutate'; table: string; where: Condition[]; mutations: Mutation[] }
  | { op: 'delete'; table: string; where: Condition[] }
  | {
      op: 'wait';
      table: string;
      where: Condition[];
      columns: string[];
      until: '==' | '!=';
      rows: WireRow[];
      timeout: number;
    }
  | { op: 'comment'; comment: string };

/** What one operation gave back. */
export interface OperationResult {
  /** Rows touched by `update`, `mutate` and `delete`. */
  count?: number;
  /** Row made by `insert`. */
  uuid?: ['uuid', string];
  /** Rows found by `select`. */
  rows?: WireRow[];
}

/** The condition that finds one row, which the server answers without scanning the table. */
export function byUuid(id: string): Condition[] {
  return [['_uuid', '==', ['uuid', id]]];
}

/** Fails the transaction at once with `timed out` unless the row exists and its `columns` are as given. */
export function assertRow(table: string, id: string, columns: WireRow = {}): Operation {
  const row: WireRow = { _uuid: ['uuid', id], ...columns };
  return { op: 'wait', table, where: byUuid(id), columns: Object.keys(row), until: '==', rows: [row], timeout: 0 };
}
