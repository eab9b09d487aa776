import { OvsdbProtocolError } from './errors.ts';
import type { ColumnShape } from './schema.ts';
import { decodeAtom, decodeMap, decodeSet, type Atom } from './values.ts';

type Cell = Atom | undefined | Set<Atom> | Map<Atom, Atom>;

/** The column shapes of one table that a replica follows. */
export type TableShape = ReadonlyMap<string, ColumnShape>;

/** One row of a replica, read through accessors that check the column's type. */
export class Row {
  readonly uuid: string;
  readonly #shape: TableShape;
  readonly #cells = new Map<string, Cell>();

  /** Columns that the server left out have their default value (ovsdb-server(7) §4.1.14). */
  constructor(uuid: string, shape: TableShape, wire: Readonly<Record<string, unknown>>) {
    this.uuid = uuid;
    this.#shape = shape;
    for (const [column, columnShape] of shape) this.#cells.set(column, decodeCell(columnShape, wire[column]));
  }

  /** Applies the difference that `modify` of an `update2` carries (ovsdb-server(7) §4.1.14). */
  applyDifference(wire: Readonly<Record<string, unknown>>): void {
    for (const [column, difference] of Object.entries(wire)) {
      const shape = this.#shape.get(column);
      if (shape === undefined) throw new OvsdbProtocolError(`an update names the unknown column "${column}"`);
      const cell = this.#cells.get(column);
      if (cell instanceof Set) toggle(cell, decodeSet(difference));
      else if (cell instanceof Map) mergePairs(cell, decodeMap(difference));
      else this.#cells.set(column, decodeCell(shape, difference));
    }
  }

  text(column: string): string {
    const cell = this.#cells.get(column);
    return typeof cell === 'string' ? cell : mismatch(column, 'a string');
  }

  optionalText(column: string): string | undefined {
    return this.#cells.get(column) === undefined ? undefined : this.text(column);
  }

  integer(column: string): number {
    const cell = this.#cells.get(column);
    return typeof cell === 'number' ? cell : mismatch(column, 'a number');
  }

  /** Undefined when an optional column is empty. */
  flag(column: string): boolean | undefined {
    const cell = this.#cells.get(column);
    return cell === undefined || typeof cell === 'boolean' ? cell : mismatch(column, 'a boolean');
  }

  /** Elements of a set of strings or of row references. */
  texts(column: string): ReadonlySet<string> {
    const cell = this.#cells.get(column);
    // Atoms of a set have one type, which the schema fixes; reading a set of numbers as strings is the caller's error.
    return cell instanceof Set ? (cell as Set<string>) : mismatch(column, 'a set');
  }

  /** A map of strings to strings. */
  map(column: string): ReadonlyMap<string, string> {
    const cell = this.#cells.get(column);
    return cell instanceof Map ? (cell as Map<string, string>) : mismatch(column, 'a map');
  }
}

function decodeCell(shape: ColumnShape, wire: unknown): Cell {
  switch (shape.kind) {
    case 'scalar':
      return wire === undefined ? shape.initial : decodeAtom(wire);
    case 'optional':
      return wire === undefined ? undefined : decodeSet(wire)[0];
    case 'set':
      return new Set(wire === undefined ? [] : decodeSet(wire));
    case 'map':
      return new Map(wire === undefined ? [] : decodeMap(wire));
  }
}

function toggle(cell: Set<Atom>, elements: Atom[]): void {
  for (const element of elements) if (!cell.delete(element)) cell.add(element);
}

function mergePairs(cell: Map<Atom, Atom>, pairs: [Atom, Atom][]): void {
  for (const [key, value] of pairs) {
    if (cell.get(key) === value) cell.delete(key);
    else cell.set(key, value);
  }
}

function mismatch(column: string, wanted: string): never {
  throw new TypeError(`column "${column}" is not followed or not ${wanted}`);
}
