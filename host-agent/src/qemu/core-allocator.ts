/** One core at least stays for the shared machines and the host itself. */
const SHARED_CORES = 1;

/**
 * Picks cores for a dedicated machine out of `cores` (all of the host), none of which another dedicated machine holds; the highest
 * free ones, as the kernel and the daemons like the first. Null when there are not enough.
 */
export function allocateCores(cores: number, held: Iterable<readonly number[]>, wanted: number): number[] | null {
  const taken = new Set([...held].flat());
  const free = Array.from({ length: cores }, (_, core) => core).filter((core) => !taken.has(core));
  return free.length - wanted < SHARED_CORES ? null : free.slice(free.length - wanted);
}

/** The cores that are left to the shared machines. */
export function sharedCores(cores: number, held: Iterable<readonly number[]>): number[] {
  const taken = new Set([...held].flat());
  return Array.from({ length: cores }, (_, core) => core).filter((core) => !taken.has(core));
}
