import type { Revision } from '../../model/revision.ts';
import { type Deferred, deferred } from '../waiting.ts';

/** Who waits for `applied` to reach a revision. Waits for the same one share a promise. */
export class RevisionWaiters {
  readonly #waiters = new Map<Revision, Deferred<void>>();

  get isEmpty(): boolean {
    return this.#waiters.size === 0;
  }

  wait(revision: Revision): Promise<void> {
    let waiter = this.#waiters.get(revision);
    if (waiter === undefined) {
      waiter = deferred();
      this.#waiters.set(revision, waiter);
    }
    return waiter.promise;
  }

  wake(applied: Revision): void {
    for (const [revision, waiter] of this.#waiters) {
      if (revision > applied) continue;
      this.#waiters.delete(revision);
      waiter.resolve();
    }
  }

  wakeAll(): void {
    for (const waiter of this.#waiters.values()) waiter.resolve();
    this.#waiters.clear();
  }
}
