import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { OvsdbProtocolError } from './errors.ts';
import { Row } from './row.ts';
import { parseSchema } from './schema.ts';
import { map, set, type WireValue } from './values.ts';

const SCHEMA = parseSchema({
  tables: {
    Port: {
      columns: {
        name: { type: 'string' },
        tag: { type: { key: { type: 'integer', minInteger: 0 } } },
        up: { type: { key: 'boolean', min: 0, max: 1 } },
        peers: { type: { key: { type: 'uuid' }, min: 0, max: 'unlimited' } },
        ids: { type: { key: 'string', value: 'string', min: 0, max: 'unlimited' } },
      },
    },
  },
});
const shape = SCHEMA.get('Port');
assert.ok(shape !== undefined);
const portShape = shape;

/** The symmetric difference of sets and maps that ovsdb-server(7) §4.1.14 prescribes for `modify`. */
function mapDifference(before: Record<string, string>, after: Record<string, string>): [string, string][] {
  const gone = Object.entries(before).filter(([key]) => !Object.hasOwn(after, key));
  const changed = Object.entries(after).filter(([key, value]) => before[key] !== value || !Object.hasOwn(before, key));
  return [...gone, ...changed];
}

test('ovsdb-server(7) §4.1.14: a set follows its differences', () => {
  const texts = fc.uniqueArray(fc.string());
  fc.assert(
    fc.property(texts, texts, (before, after) => {
      const row = new Row('1', portShape, { peers: set(before) });
      const difference = [
        ...before.filter((one) => !after.includes(one)),
        ...after.filter((one) => !before.includes(one)),
      ];
      row.applyDifference({ peers: difference.length === 1 ? (difference[0] ?? '') : set(difference) });
      assert.deepEqual(row.texts('peers'), new Set(after));
    }),
  );
});

test('ovsdb-server(7) §4.1.14: a map follows its differences', () => {
  const dictionary = fc.dictionary(fc.string(), fc.string());
  fc.assert(
    fc.property(dictionary, dictionary, (before, after) => {
      const row = new Row('1', portShape, { ids: map(before) });
      const difference: WireValue = ['map', mapDifference(before, after)];
      row.applyDifference({ ids: difference });
      assert.deepEqual(row.map('ids'), new Map(Object.entries(after)));
    }),
  );
});

test('columns that the server leaves out have their default; an optional one can be emptied again', () => {
  const row = new Row('1', portShape, {});
  assert.equal(row.text('name'), '');
  assert.equal(row.integer('tag'), 0);
  assert.equal(row.flag('up'), undefined);
  row.applyDifference({ up: true });
  assert.equal(row.flag('up'), true);
  row.applyDifference({ up: ['set', []] });
  assert.equal(row.flag('up'), undefined);
});

test('data that do not match the schema are refused', () => {
  const row = new Row('1', portShape, {});
  assert.throws(() => row.applyDifference({ colour: 'red' }), OvsdbProtocolError);
  assert.throws(() => row.applyDifference({ name: { a: 1 } }), OvsdbProtocolError);
  assert.throws(() => row.applyDifference({ ids: ['set', []] }), OvsdbProtocolError);
  assert.throws(() => row.text('up'), TypeError);
  assert.throws(() => parseSchema({ tables: { T: { columns: { c: { type: 'colour' } } } } }), OvsdbProtocolError);
});
