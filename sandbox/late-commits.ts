/** Transactions that have stamped their rows and cannot be seen yet; what they lock nobody else may touch until then. */
export class LateCommits<T extends { locks: readonly string[] }> {
  readonly #locks = new Set<string>();
  #pending: { transaction: T; visibleAt: number }[] = [];

  isLocked(lock: string): boolean {
    return this.#locks.has(lock);
  }

  pending(): T[] {
    return this.#pending.map(({ transaction }) => transaction);
  }

  defer(transaction: T, visibleAt: number): void {
    for (const lock of transaction.locks) this.#locks.add(lock);
    this.#pending.push({ transaction, visibleAt });
  }

  /** Gives away what is due at `now`, in the order in which it becomes visible. */
  takeDue(now: number): T[] {
    const due = this.#pending.filter(({ visibleAt }) => visibleAt <= now);
    if (due.length === 0) return [];
    this.#pending = this.#pending.filter(({ visibleAt }) => visibleAt > now);
    due.sort((one, other) => one.visibleAt - other.visibleAt);
    for (const { transaction } of due) for (const lock of transaction.locks) this.#locks.delete(lock);
    return due.map(({ transaction }) => transaction);
  }
}
