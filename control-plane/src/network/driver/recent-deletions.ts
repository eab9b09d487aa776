/** Longer than any list of wanted state is on its way from the database to the data path. */
const REMEMBER_MS = 600_000;

/**
 * What this process deleted lately. A reconciler whose list is older must not bring it back: nothing in the data path itself
 * tells a thing that was deleted from one that never was. Another replica's deletions are not known here; what they bring
 * back by such a race goes at the next reconciliation.
 */
export class RecentDeletions {
  readonly #deletedAt = new Map<string, number>();

  note(id: string, now: number): void {
    this.#deletedAt.set(id, now);
  }

  forget(id: string): void {
    this.#deletedAt.delete(id);
  }

  /** Whether `id` was deleted at or after `readAt`. */
  isNewer(id: string, readAt: number): boolean {
    const deletedAt = this.#deletedAt.get(id);
    return deletedAt !== undefined && deletedAt >= readAt;
  }

  prune(now: number): void {
    for (const [id, deletedAt] of this.#deletedAt) if (deletedAt < now - REMEMBER_MS) this.#deletedAt.delete(id);
  }
}
