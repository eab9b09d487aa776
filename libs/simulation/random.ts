/** A seeded stream of random numbers: the same seed and label give the same stream on every machine and every run. */
export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** An integer in [from, to], both included. */
  between(from: number, to: number): number;
}

/** FNV-1a over UTF-16 units: spreads a label over 32 bits; not for anything secret. */
export function hash32(text: string, seed = 0x811c9dc5): number {
  let hash = seed | 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return hash >>> 0;
}

/** 53 bits over a text, from two independent 32-bit hashes: enough to tell two contents of one resource apart. */
export function hash53(text: string): number {
  return hash32(text) * 0x200000 + (hash32(text, 0x9e3779b9) & 0x1fffff);
}

/**
 * Makes the stream for one label (an agent's name), so that agents draw independently of each other and one agent's
 * draws can be replayed alone. The generator is mulberry32: 32 bits of state, good enough to pick latencies and faults.
 */
export function seededRandom(seed: number, label: string): Random {
  let state = hash32(label, seed ^ 0x811c9dc5);
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x100000000;
  };
  return { next, between: (from, to) => from + Math.floor(next() * (to - from + 1)) };
}
