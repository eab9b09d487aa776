import { OvsdbProtocolError } from './errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const DEFAULT_MAX_BYTES = 512 * 1024 * 1024;

/**
 * Cuts a byte stream into JSON objects. OVSDB puts one object after the other without any delimiter (RFC 7047 §4), so the
 * end of one is found by counting braces outside strings. Works on bytes: all characters of interest are ASCII, which never
 * occur inside a UTF-8 sequence, so a chunk may end anywhere.
 */
export class JsonFramer {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #bufferedBytes = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(maxBytes = DEFAULT_MAX_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** @throws {OvsdbProtocolError} on bytes that cannot be a sequence of JSON objects, or on a larger object than allowed. */
  push(chunk: Buffer): unknown[] {
    const messages: unknown[] = [];
    let start = 0;
    for (let index = 0; index < chunk.length; index++) {
      const byte = chunk[index];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
        continue;
      }
      if (this.#depth === 0) {
        if (isWhitespace(byte)) {
          start = index + 1;
          continue;
        }
        if (byte !== OPEN_BRACE) throw new OvsdbProtocolError('the stream holds something that is not a JSON object');
        start = index;
      }
      if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_BRACE) this.#depth++;
      else if (byte === CLOSE_BRACE && --this.#depth === 0) {
        messages.push(this.#finish(chunk.subarray(start, index + 1)));
        start = index + 1;
      }
    }
    if (this.#depth > 0) this.#keep(chunk.subarray(start));
    return messages;
  }

  #keep(rest: Buffer): void {
    this.#bufferedBytes += rest.length;
    if (this.#bufferedBytes > this.#maxBytes)
      throw new OvsdbProtocolError(`a message is larger than ${this.#maxBytes} bytes`);
    this.#chunks.push(rest);
  }

  #finish(last: Buffer): unknown {
    const whole = this.#chunks.length === 0 ? last : Buffer.concat([...this.#chunks, last]);
    this.#chunks = [];
    this.#bufferedBytes = 0;
    try {
      return JSON.parse(whole.toString('utf8'));
    } catch (cause) {
      throw new OvsdbProtocolError('the stream holds a malformed JSON object', { cause });
    }
  }
}

function isWhitespace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
