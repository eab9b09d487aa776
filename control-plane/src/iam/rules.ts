/** Rules of personal access tokens and of who sees what (IAM-02, IAM-06, IAM-10). No I/O. */
import { ApiError } from '#libs/contract-runtime/errors.ts';

/** The last millisecond of the year 9999: what every date format of every client can still write. */
const expiryMax = Date.UTC(10_000, 0, 1) - 1;
const nameLengthMax = 255;
/** There are about 60 permissions; a list longer than this is a mistake. */
const rolesMax = 200;
/** A bound on what one user can make the list of tokens grow to. */
export const tokensPerUserMax = 1_000;

export interface TokenRequest {
  readonly name: string;
  /** Role ids. */
  readonly roles: readonly string[];
  /** Milliseconds since the epoch. */
  readonly expirationDate: number;
}

/**
 * Checks everything about a wanted token that does not need the database.
 * IAM-10 caps tokens at twelve months; the public contract demands far-future dates to be taken (notes §3.2), and it wins.
 * @throws ApiError `rule_violated`
 */
export function checkTokenRequest(request: TokenRequest, now: Date): void {
  if (request.name.trim() === '') throw refused('name must not be empty');
  if (request.name.length > nameLengthMax) throw refused(`name has at most ${nameLengthMax} characters`);
  if (request.roles.length > rolesMax) throw refused(`roles has at most ${rolesMax} entries`);
  const { expirationDate } = request;
  if (!Number.isSafeInteger(expirationDate) || expirationDate > expiryMax)
    throw refused('expirationDate is a number of milliseconds since 1970, in the year 9999 at the latest');
  if (expirationDate <= now.getTime())
    throw refused('expirationDate lies in the past; it is a number of milliseconds since 1970, not of seconds');
}

/**
 * Nobody hands out more than they hold (IAM-06, IAM-10); "hold" is what the calling token itself may do, or a weak token could
 * make a strong one.
 * @param names role id → permission name, of every role there is
 * @throws ApiError `unknown_reference` for an id that is no role, `forbidden` for a permission the caller lacks
 */
export function checkGrantable(
  roles: readonly string[],
  names: ReadonlyMap<string, string>,
  held: ReadonlySet<string>,
): void {
  const wanted = roles.map((id) => names.get(id));
  if (wanted.includes(undefined)) throw new ApiError('unknown_reference', { member: 'roles', kind: 'role' });
  for (const permission of wanted)
    if (permission !== undefined && !held.has(permission)) throw new ApiError('forbidden', { permission });
}

function refused(detail: string): ApiError {
  return new ApiError('rule_violated', { detail });
}

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Whether `text` can be an id at all; anything else would be an error of the database, not an empty answer. */
export function isId(text: string): boolean {
  return uuid.test(text);
}
