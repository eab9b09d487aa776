/** A PostgreSQL client that prepares what it is asked, for a library that sends the same few texts again and again unnamed. */
import { hash } from 'node:crypto';
import pg from 'pg';

/** More different texts than this would be lists of varying length; they stay unnamed, or every connection would keep them all. */
const namedMax = 200;
const names = new Map<string, string>();

function nameOf(text: string): string | undefined {
  const known = names.get(text);
  if (known !== undefined) return known;
  if (names.size >= namedMax) return undefined;
  const name = `w${hash('sha1', text).slice(0, 24)}`;
  names.set(text, name);
  return name;
}

type Query = pg.Client['query'];

/** Parsing and planning cost the workflow engine's short statements more than running them (a fifth of a create, measured). */
export class PreparedClient extends pg.Client {
  override query: Query = ((first: unknown, values: unknown, ...rest: unknown[]) => {
    const run = super.query.bind(this) as (...args: unknown[]) => unknown;
    if (typeof first !== 'string' || !Array.isArray(values)) return run(first, values, ...rest);
    const name = nameOf(first);
    return run(name === undefined ? { text: first, values } : { name, text: first, values }, ...rest);
  }) as Query;
}
