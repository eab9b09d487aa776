/** API-05: requests per second, per product and source address. API-06: strictly identical requests. */

export interface RateLimitOptions {
  enabled: boolean;
  /** Loopback callers are not counted. */
  exemptLoopback: boolean;
  /** Requests per second and product; 25 unless given. */
  perSecond?: number;
  /** API-06: refuse the same request twice within a second. Off unless given. */
  refuseIdentical?: boolean;
  /** Milliseconds, monotonic. */
  now?: () => number;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Enough for a busy region; the oldest entry goes first when more addresses come. */
const MAX_ENTRIES = 50_000;

const DEFAULT_PER_SECOND = 25;

/** Token buckets in memory, per process: with N replicas a caller that reaches all of them gets N times the rate. */
export class RateLimiter {
  readonly #options: RateLimitOptions;
  readonly #now: () => number;
  readonly #buckets = new Map<string, Bucket>();
  readonly #recent = new Map<string, number>();

  constructor(options: RateLimitOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** Takes one request out of the caller's bucket. Returns 0 when granted, else the whole seconds to wait. */
  take(bucketName: string, sourceIp: string, perSecond = this.#options.perSecond ?? DEFAULT_PER_SECOND): number {
    if (this.#exempt(sourceIp)) return 0;
    const now = this.#now();
    const key = `${bucketName} ${network(sourceIp)}`;
    const bucket = this.#buckets.get(key) ?? { tokens: perSecond, at: now };
    bucket.tokens = Math.min(perSecond, bucket.tokens + ((now - bucket.at) / 1000) * perSecond);
    bucket.at = now;
    remember(this.#buckets, key, bucket);
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / perSecond));
    bucket.tokens -= 1;
    return 0;
  }

  /** Gives one request back: failed requests do not count (API-05). */
  giveBack(bucketName: string, sourceIp: string): void {
    const bucket = this.#buckets.get(`${bucketName} ${network(sourceIp)}`);
    if (bucket !== undefined) bucket.tokens += 1;
  }

  /** API-06: true when the same fingerprint was seen less than a second ago. */
  repeats(fingerprint: () => string, sourceIp: string): boolean {
    if (this.#options.refuseIdentical !== true || this.#exempt(sourceIp)) return false;
    const now = this.#now();
    const key = `${network(sourceIp)} ${fingerprint()}`;
    const last = this.#recent.get(key);
    if (last !== undefined && now - last < 1000) return true;
    remember(this.#recent, key, now);
    return false;
  }

  #exempt(sourceIp: string): boolean {
    return !this.#options.enabled || (this.#options.exemptLoopback && isLoopback(sourceIp));
  }
}

/** Puts the entry last, so that the first of the map is the one unused for longest. */
function remember<V>(map: Map<string, V>, key: string, value: V): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= MAX_ENTRIES) return;
  const oldest = map.keys().next();
  if (oldest.done !== true) map.delete(oldest.value);
}

function isLoopback(ip: string): boolean {
  return ip === '::1' || ip.startsWith('127.') || ip.startsWith('::ffff:127.');
}

/** One subscriber holds a whole IPv6 /64, so that is what counts as one source. */
function network(ip: string): string {
  if (ip.startsWith('::ffff:')) return ip.slice('::ffff:'.length);
  if (!ip.includes(':')) return ip;
  const [head = '', tail] = ip.split('::', 2);
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  return [...left, ...Array<string>(zeros).fill('0'), ...right].slice(0, 4).join(':');
}
