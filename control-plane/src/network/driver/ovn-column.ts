import type { Row } from '#libs/ovsdb/row.ts';
import { map, set, uuid, type WireRow, type WireValue } from '#libs/ovsdb/values.ts';

/** A reference to another row, for a column that holds at most one. */
export interface Reference {
  reference: string;
}

/** What a column should hold: text or a flag, a set of texts, a map of texts, or a reference. */
export type WantedColumn = string | boolean | number | readonly string[] | Reference | Readonly<Record<string, string>>;
export type WantedRow = Readonly<Record<string, WantedColumn>>;

/** When a row of ours was last written; tells rows apart that a reconciler may not touch yet, and is no part of the state. */
export const PUT_AT = 'bastide:put-at';

export function encodeRow(wanted: WantedRow): WireRow {
  return Object.fromEntries(Object.entries(wanted).map(([column, value]) => [column, encodeColumn(value)]));
}

/** Whether a row already is as wanted, in the columns named by `wanted`. */
export function matches(row: Row, wanted: WantedRow): boolean {
  return Object.entries(wanted).every(([column, value]) => columnMatches(row, column, value));
}

function encodeColumn(value: WantedColumn): WireValue {
  if (typeof value !== 'object') return value;
  if (isList(value)) return set(value);
  return isReference(value) ? uuid(value.reference) : map(value);
}

function columnMatches(row: Row, column: string, value: WantedColumn): boolean {
  if (typeof value === 'boolean') return row.flag(column) === value;
  if (typeof value === 'number') return row.integer(column) === value;
  if (typeof value === 'string') return row.optionalText(column) === value;
  if (isReference(value)) return row.optionalText(column) === value.reference;
  if (isList(value)) {
    const cell = row.texts(column);
    return cell.size === value.length && value.every((text) => cell.has(text));
  }
  const cell = row.map(column);
  const entries = Object.entries(value);
  const ignored = cell.has(PUT_AT) && !(PUT_AT in value) ? 1 : 0;
  return cell.size - ignored === entries.length && entries.every(([key, text]) => cell.get(key) === text);
}

// Array.isArray does not narrow readonly arrays.
function isList(value: WantedColumn): value is readonly string[] {
  return Array.isArray(value);
}

function isReference(value: WantedColumn): value is Reference {
  return typeof value === 'object' && 'reference' in value;
}
