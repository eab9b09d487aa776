import { OvsdbProtocolError } from './errors.ts';

/** How a column's value is shaped, as far as a replica must know (RFC 7047 §3.2). */
export type ColumnShape =
  | { kind: 'scalar'; initial: string | number | boolean }
  | { kind: 'optional' }
  | { kind: 'set' }
  | { kind: 'map' };

export type DatabaseShape = ReadonlyMap<string, ReadonlyMap<string, ColumnShape>>;

const ZERO_UUID = '00000000-0000-0000-0000-000000000000';
const INITIAL: Readonly<Record<string, string | number | boolean>> = {
  string: '',
  integer: 0,
  real: 0,
  boolean: false,
  uuid: ZERO_UUID,
};

/**
 * Reads the answer of `get_schema`.
 *
 * @throws {OvsdbProtocolError} when it is not a database schema.
 */
export function parseSchema(schema: unknown): DatabaseShape {
  const tables = new Map<string, ReadonlyMap<string, ColumnShape>>();
  for (const [table, tableSchema] of entries(member(schema, 'tables'))) {
    const columns = new Map<string, ColumnShape>();
    for (const [column, columnSchema] of entries(member(tableSchema, 'columns')))
      columns.set(column, shapeOf(member(columnSchema, 'type')));
    tables.set(table, columns);
  }
  return tables;
}

function shapeOf(type: unknown): ColumnShape {
  if (typeof type === 'string') return scalar(type);
  const key = member(type, 'key');
  const min = optionalMember(type, 'min') ?? 1;
  const max = optionalMember(type, 'max') ?? 1;
  if (optionalMember(type, 'value') !== undefined) return { kind: 'map' };
  if (max !== 1) return { kind: 'set' };
  return min === 0 ? { kind: 'optional' } : scalar(typeof key === 'string' ? key : member(key, 'type'));
}

function scalar(type: unknown): ColumnShape {
  const initial = typeof type === 'string' ? INITIAL[type] : undefined;
  if (initial === undefined) throw new OvsdbProtocolError(`unknown column type ${JSON.stringify(type)}`);
  return { kind: 'scalar', initial };
}

function optionalMember(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}

function member(value: unknown, name: string): unknown {
  const found = optionalMember(value, name);
  if (found === undefined) throw new OvsdbProtocolError(`the schema lacks "${name}"`);
  return found;
}

function entries(value: unknown): [string, unknown][] {
  if (typeof value !== 'object' || value === null)
    throw new OvsdbProtocolError('the schema holds something that is not an object');
  return Object.entries(value);
}
