import type { Random } from './random.ts';

/** Shortest and longest duration in milliseconds. */
export type LatencyRange = readonly [min: number, max: number];

/**
 * Draws one duration. Cubing the uniform draw puts most of them near the short end and leaves a long tail, which is how
 * the durations of real daemons look; the tail is cut at the longest.
 */
export function drawLatency(range: LatencyRange | undefined, random: Random): number {
  if (range === undefined) return 0;
  const [min, max] = range;
  return Math.round(min + (max - min) * random.next() ** 3);
}
