import { OvsdbProtocolError } from './errors.ts';

/** A value of one cell part on the wire; UUIDs are tagged arrays (RFC 7047 §5.1). */
export type WireAtom = string | number | boolean | ['uuid', string] | ['named-uuid', string];
export type WireValue = WireAtom | ['set', WireAtom[]] | ['map', [WireAtom, WireAtom][]];
export type WireRow = Record<string, WireValue>;

/** A decoded atom. UUIDs become plain strings: the schema says which strings are UUIDs. */
export type Atom = string | number | boolean;

/** Refers to an existing row. */
export function uuid(id: string): WireAtom {
  return ['uuid', id];
}

/** Refers to a row that an `insert` of the same transaction makes. */
export function namedUuid(name: string): WireAtom {
  return ['named-uuid', name];
}

/** A set of any size. */
export function set(atoms: Iterable<WireAtom>): WireValue {
  return ['set', [...atoms]];
}

/** A map of strings, in the shape of `external_ids` and `options`. */
export function map(entries: Readonly<Record<string, string>> | ReadonlyMap<string, string>): WireValue {
  return ['map', [...(entries instanceof Map ? entries : Object.entries(entries))]];
}

/** @throws {OvsdbProtocolError} when it is not an atom. */
export function decodeAtom(wire: unknown): Atom {
  if (typeof wire === 'string' || typeof wire === 'number' || typeof wire === 'boolean') return wire;
  if (Array.isArray(wire) && wire.length === 2 && wire[0] === 'uuid' && typeof wire[1] === 'string') return wire[1];
  throw new OvsdbProtocolError(`not an atom: ${JSON.stringify(wire)}`);
}

/** Elements of a set; a lone atom is a set of one (RFC 7047 §5.1). */
export function decodeSet(wire: unknown): Atom[] {
  const elements = taggedArray(wire, 'set');
  return elements === undefined ? [decodeAtom(wire)] : elements.map(decodeAtom);
}

/** Pairs of a map. */
export function decodeMap(wire: unknown): [Atom, Atom][] {
  const pairs = taggedArray(wire, 'map');
  if (pairs === undefined) throw new OvsdbProtocolError(`not a map: ${JSON.stringify(wire)}`);
  return pairs.map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2)
      throw new OvsdbProtocolError('a map holds something that is not a pair');
    return [decodeAtom(pair[0]), decodeAtom(pair[1])];
  });
}

function taggedArray(wire: unknown, tag: 'set' | 'map'): unknown[] | undefined {
  return Array.isArray(wire) && wire.length === 2 && wire[0] === tag && Array.isArray(wire[1]) ? wire[1] : undefined;
}
