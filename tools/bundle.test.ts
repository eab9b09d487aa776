import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { bundle } from './bundle.ts';
import { checkContract } from './contract-rules.ts';
import { emitTypes } from './emit-types.ts';

const HEAD = "openapi: 3.1.0\ninfo: {title: t, version: '1'}\nsecurity: [{bearerJwt: []}]\n";

function folder(t: TestContext, files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), 'bst-bundle-'));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(path, name), HEAD + text);
  return path;
}

const THINGS = `paths:
  /things/{thingId}:
    get:
      operationId: getThing
      summary: One
      parameters:
        - {name: thingId, in: path, required: true, schema: {type: string}}
        - {name: limit, in: query, schema: {type: integer, default: 5}}
      responses:
        '200': {description: d, content: {application/json: {schema: {$ref: 'shared.yaml#/components/schemas/Thing'}}}}
        '204': {description: none}
`;
const SHARED = `paths: {}
components:
  schemas:
    Thing:
      description: A thing.
      type: object
      required: [id, kind, tags, owner]
      properties:
        id: {type: string}
        kind: {type: string, enum: [a, b]}
        size: {type: [integer, 'null']}
        tags: {type: array, items: {type: [string, 'null']}}
        owner: {oneOf: [{$ref: '#/components/schemas/Owner'}, {type: 'null'}]}
    Owner: {type: object, properties: {name: {type: string}}, additionalProperties: true}
`;

test('a folder becomes one document with local references; planned files are left out by name', (t) => {
  const path = folder(t, {
    'things.yaml': THINGS,
    'shared.yaml': SHARED,
    'later.yaml': 'x-bastide-status: planned\npaths: {/later: {}}\n',
  });
  const { document, planned } = bundle({ folder: path }, 'Title');
  assert.deepEqual(planned, ['later.yaml']);
  assert.deepEqual(Object.keys(document.paths), ['/things/{thingId}']);
  assert.equal(document.info.title, 'Title');
  const schema = document.paths['/things/{thingId}']?.get?.responses['200']?.content?.['application/json']?.schema;
  assert.deepEqual(schema, { $ref: '#/components/schemas/Thing' });
});

test('the same name in two files is refused with both', (t) => {
  const path = folder(t, { 'a.yaml': SHARED, 'b.yaml': SHARED });
  assert.throws(() => bundle({ folder: path }), /schemas\/Thing stands in a\.yaml and in b\.yaml/);
});

test('types: required and optional, enums, nullable, references, defaults of queries', (t) => {
  const { document } = bundle({ folder: folder(t, { 'things.yaml': THINGS, 'shared.yaml': SHARED }) });
  const text = emitTypes(document, 'x');
  for (const expected of [
    '/** A thing. */\nexport interface Thing {',
    'kind: "a" | "b";',
    'size?: number | null;',
    'tags: (string | null)[];',
    'owner: Owner | null;',
    '[member: string]: unknown;',
    'query: { limit: number; };',
    '200: Thing;',
    '204: undefined;',
  ]) {
    assert.ok(text.includes(expected), `${expected}\n---\n${text}`);
  }
});

test('contract rules: each violation is named', (t) => {
  const path = folder(t, {
    'a.yaml': `paths:
  /a/{x}:
    get: {operationId: twice, x-async: activity, x-permission: [], responses: {'404': {description: d}}}
    delete: {operationId: twice, x-permission: [p], security: [], summary: s, responses: {'204': {description: d}}}
`,
  });
  const text = checkContract(bundle({ folder: path }).document).join('\n');
  for (const expected of [
    'twice stands more than once',
    'twice declares no success',
    'twice does not declare 401',
    'twice does not declare 403',
    'x-async but does not declare 201',
    'is a read and x-async',
    'without activity_read',
    'other path parameters',
    'has no summary',
    'is anonymous but asks for permissions',
  ]) {
    assert.ok(text.includes(expected), `${expected}\n---\n${text}`);
  }
});
