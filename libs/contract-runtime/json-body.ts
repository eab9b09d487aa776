/** Strict reading of a JSON request body. */
import { isUtf8 } from 'node:buffer';
import { ApiError } from './errors.ts';

/** Deeper than any request of the contracts by far; keeps recursive readers safe. */
const MAX_DEPTH = 32;

const SUSPECT_ESCAPE = /\\u(?:0000|[dD][89abAB][0-9a-fA-F]{2}|[dD][c-fC-F][0-9a-fA-F]{2})/;

/**
 * Parses a body; `undefined` for an empty one. Refuses what JSON libraries read differently: invalid UTF-8, the same
 * member twice (RFC 8259 section 4), depth over 32, NUL and lone surrogates, which PostgreSQL cannot store as given.
 */
export function parseJsonBody(raw: Buffer): unknown {
  if (raw.length === 0) return undefined;
  if (!isUtf8(raw)) throw new ApiError('invalid_json', { detail: 'it is not UTF-8' });
  const text = raw.toString('utf8');
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // The engine's message repeats parts of the body, which may be a secret.
    throw new ApiError('invalid_json', { detail: 'it cannot be parsed' });
  }
  checkMembers(text);
  if (SUSPECT_ESCAPE.test(text)) checkTexts(value);
  return value;
}

/** Walks over a text that is known to be JSON, looking at nesting and member names only. */
function checkMembers(text: string): void {
  const open: (Set<string> | null)[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === QUOTE) {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names instanceof Set && isMemberName(text, end)) {
        const name = JSON.parse(text.slice(at, end + 1)) as string;
        if (names.has(name)) throw new ApiError('invalid_json', { detail: 'a member stands twice in one object' });
        names.add(name);
      }
      at = end;
    } else if (char === OPEN_OBJECT || char === OPEN_LIST) {
      open.push(char === OPEN_OBJECT ? new Set() : null);
      if (open.length > MAX_DEPTH) throw new ApiError('invalid_json', { detail: 'it is nested too deeply' });
    } else if (char === CLOSE_OBJECT || char === CLOSE_LIST) {
      open.pop();
    }
  }
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_LIST = 0x5b;
const CLOSE_LIST = 0x5d;
const COLON = 0x3a;

/** Index of the closing quote of the string that opens at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char === BACKSLASH) at += 1;
    else if (char === QUOTE) return at;
  }
  return text.length - 1;
}

/** Is the string that ends at `end` followed by a colon? */
function isMemberName(text: string, end: number): boolean {
  for (let at = end + 1; at < text.length; at += 1) {
    const char = text.charCodeAt(at);
    if (char > 0x20) return char === COLON;
  }
  return false;
}

/** Throws `invalid_text` when a string anywhere in the value cannot be stored as it is. */
function checkTexts(value: unknown): void {
  if (typeof value === 'string') checkText(value);
  else if (Array.isArray(value)) value.forEach(checkTexts);
  else if (typeof value === 'object' && value !== null) {
    for (const [name, member] of Object.entries(value)) {
      checkText(name);
      checkTexts(member);
    }
  }
}

/** Throws `invalid_text` for a NUL or a lone surrogate. */
export function checkText(text: string): void {
  if (text.includes('\0') || !text.isWellFormed()) throw new ApiError('invalid_text');
}
