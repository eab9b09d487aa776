/** No usable connection to the database server. Requests that were on the way may or may not have taken effect. */
export class OvsdbUnavailable extends Error {
  override readonly name = 'OvsdbUnavailable';
}

/** The server did not answer in time. The request may or may not have taken effect. */
export class OvsdbTimeout extends Error {
  override readonly name = 'OvsdbTimeout';
}

/** The peer sent something that RFC 7047 does not allow, or data that do not match the schema. */
export class OvsdbProtocolError extends Error {
  override readonly name = 'OvsdbProtocolError';
}

/** The server answered a request other than `transact` with an error. */
export class OvsdbRequestError extends Error {
  override readonly name = 'OvsdbRequestError';
  readonly method: string;
  readonly error: unknown;

  constructor(method: string, error: unknown) {
    super(`OVSDB ${method} was refused: ${JSON.stringify(error)}`);
    this.method = method;
    this.error = error;
  }
}

/** A transaction was refused as a whole and changed nothing (RFC 7047 §4.1.3). */
export class OvsdbTransactionError extends Error {
  override readonly name = 'OvsdbTransactionError';
  /** Short error name of RFC 7047 §5, such as `timed out` or `constraint violation`. */
  readonly error: string;
  readonly details: string;
  /** Index of the operation at fault; null when the commit failed after all operations had passed. */
  readonly operation: number | null;

  constructor(error: string, details: string, operation: number | null) {
    const place = operation === null ? 'at commit' : `in operation ${operation}`;
    super(`OVSDB transaction failed ${place}: ${error}${details === '' ? '' : ` (${details})`}`);
    this.error = error;
    this.details = details;
    this.operation = operation;
  }
}
