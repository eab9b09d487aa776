import type { PoolSpec } from '#contract/generated/agent-array.ts';
import { AgentProblem } from '#libs/agent-http/problem.ts';
import { insufficientSpace } from './medium.ts';

/** A pool's promises: the sizes of its volumes, those still being made included. All methods are synchronous, so that
 * concurrent calls cannot promise the same bytes twice. */
export class PoolAccount {
  readonly #sizes = new Map<string, number>();
  sizeBytes: number;

  constructor(sizeBytes: number) {
    this.sizeBytes = sizeBytes;
  }

  get allocatedBytes(): number {
    let sum = 0;
    for (const size of this.#sizes.values()) sum += size;
    return sum;
  }

  get volumeCount(): number {
    return this.#sizes.size;
  }

  /**
   * Promises a volume `sizeBytes` and returns how to take the promise back.
   * @throws AgentProblem 507 `insufficient_space` (STO-13: no more than the pool holds)
   */
  reserve(volumeId: string, sizeBytes: number): () => void {
    const before = this.#sizes.get(volumeId);
    const free = this.sizeBytes - this.allocatedBytes + (before ?? 0);
    if (sizeBytes > free) {
      throw insufficientSpace(`the volume needs ${sizeBytes} bytes and the pool has ${free} of ${this.sizeBytes} left`);
    }
    this.#sizes.set(volumeId, sizeBytes);
    return () => {
      if (before === undefined) this.#sizes.delete(volumeId);
      else this.#sizes.set(volumeId, before);
    };
  }

  /** Counts a volume that exists already. */
  adopt(volumeId: string, sizeBytes: number): void {
    this.#sizes.set(volumeId, sizeBytes);
  }

  release(volumeId: string): void {
    this.#sizes.delete(volumeId);
  }
}

/** What a changed pool must respect. */
export interface PoolChange {
  readonly spec: PoolSpec;
  /** The pool as it is; undefined for a new one. */
  readonly current: { readonly spec: PoolSpec; readonly allocatedBytes: number } | undefined;
  readonly otherPoolsBytes: number;
  readonly capacityBytes: number;
}

/** @throws AgentProblem 409 `immutable`, `pool_in_use`; 507 `insufficient_space` */
export function checkPoolChange({ spec, current, otherPoolsBytes, capacityBytes }: PoolChange): void {
  if (current !== undefined) {
    if (current.spec.encrypted !== spec.encrypted) {
      throw new AgentProblem(409, 'immutable', 'the encryption of a pool cannot change');
    }
    if (spec.sizeBytes < current.allocatedBytes) {
      throw new AgentProblem(
        409,
        'pool_in_use',
        `${current.allocatedBytes} bytes of the pool are allocated, so it cannot shrink to ${spec.sizeBytes}`,
      );
    }
  }
  const free = capacityBytes - otherPoolsBytes;
  if (spec.sizeBytes > free) {
    throw insufficientSpace(
      `the pool needs ${spec.sizeBytes} bytes and the array has ${free} of ${capacityBytes} left`,
    );
  }
}
