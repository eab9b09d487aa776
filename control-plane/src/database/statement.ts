/**
 * SQL statements by name.
 *
 * A store declares each statement once. It is sent as a named prepared statement, so the server parses and plans it once per
 * connection; `statements.test.ts` prepares every declared one against the migrated schema, so a typo or a
 * renamed column fails the build rather than a request.
 */
export interface Statement<Params extends readonly unknown[], Row> {
  readonly name: string;
  readonly text: string;
  /** Carry the types only; never present at run time. */
  readonly params?: Params;
  readonly row?: Row;
}

const declared = new Map<string, { readonly name: string; readonly text: string }>();

/**
 * Declares a statement. `Params` are the values of `$1`, `$2`, …; `Row` is one row of the answer, with the column aliases as keys.
 * @throws when the name is declared twice
 */
export function statement<Params extends readonly unknown[], Row = never>(
  name: string,
  text: string,
): Statement<Params, Row> {
  if (declared.has(name)) throw new Error(`SQL statement "${name}" is declared twice`);
  const made: Statement<Params, Row> = { name, text };
  declared.set(name, made);
  return made;
}

/** Every statement that the loaded modules have declared. */
export function declaredStatements(): readonly { readonly name: string; readonly text: string }[] {
  return [...declared.values()];
}
