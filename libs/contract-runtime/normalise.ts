/** Brings a validated body into the form handlers rely on: known members only, UUIDs in lower case. */
import { resolveReference } from './document.ts';
import type { OpenApiDocument, Schema } from './document.ts';
import { UUID } from './schemas.ts';

type Normalise = (value: unknown) => unknown;

const same: Normalise = (value) => value;

/**
 * A function for one schema, built once. Members that the schema does not name are dropped unless it says
 * `additionalProperties`; alternatives (`oneOf`, `anyOf`, `allOf`) are left as they are.
 */
export function normaliser(document: OpenApiDocument, schema: Schema): Normalise {
  const resolved = resolveReference(document, schema);
  if (resolved.format === 'uuid') {
    return (value) => (typeof value === 'string' && UUID.test(value) ? value.toLowerCase() : value);
  }
  if (resolved.items !== undefined) {
    const entry = normaliser(document, resolved.items);
    return (value) => (Array.isArray(value) ? value.map(entry) : value);
  }
  if (resolved.properties === undefined || resolved.additionalProperties !== undefined) return same;
  const members = Object.entries(resolved.properties).map(
    ([name, member]) => [name, normaliser(document, member)] as const,
  );
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    const source = value as Record<string, unknown>;
    const result: Record<string, unknown> = {};
    for (const [name, normalise] of members) {
      if (Object.hasOwn(source, name)) result[name] = normalise(source[name]);
    }
    return result;
  };
}
