import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normaliser } from './normalise.ts';
import type { OpenApiDocument, Schema } from './document.ts';

const document: OpenApiDocument = {
  openapi: '3.1.0',
  info: { title: 't', version: '1' },
  paths: {},
  components: {
    schemas: {
      Id: { type: 'string', format: 'uuid' },
      Disk: { type: 'object', properties: { id: { $ref: '#/components/schemas/Id' }, label: { type: 'string' } } },
    },
  },
};

function normalise(schema: Schema, value: unknown): unknown {
  return normaliser(document, schema)(value);
}

test('unknown members go at every depth, known ones stay, also when they are null or absent', () => {
  const schema: Schema = {
    type: 'object',
    properties: {
      disks: { type: 'array', items: { $ref: '#/components/schemas/Disk' } },
      note: { type: ['string', 'null'] },
    },
  };
  const value = { disks: [{ id: 'AB', label: 'x', extra: 1 }], note: null, extra: { deep: true } };
  assert.deepEqual(normalise(schema, value), { disks: [{ id: 'AB', label: 'x' }], note: null });
  assert.deepEqual(normalise(schema, {}), {});
});

test('inherited names are no members', () => {
  const schema: Schema = {
    type: 'object',
    properties: { constructor: { type: 'string' }, __proto__x: { type: 'string' } },
  };
  assert.deepEqual(normalise(schema, JSON.parse('{"__proto__": {"polluted": true}}')), {});
});

test('UUIDs are lowered, other texts are not touched', () => {
  const upper = '6F0D0A3E-52C1-4D0B-9D0E-0D6C1F2A7B11';
  assert.deepEqual(normalise({ $ref: '#/components/schemas/Disk' }, { id: upper, label: upper }), {
    id: upper.toLowerCase(),
    label: upper,
  });
});

test('schemas open to more members, and alternatives, are left as they are', () => {
  const open: Schema = { type: 'object', properties: { a: {} }, additionalProperties: true };
  assert.deepEqual(normalise(open, { a: 1, b: 2 }), { a: 1, b: 2 });
  assert.deepEqual(normalise({ oneOf: [{ type: 'object' }, { type: 'null' }] }, { b: 2 }), { b: 2 });
});
