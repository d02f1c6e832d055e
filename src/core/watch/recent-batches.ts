import type { Revision } from '../../model/revision.ts';
import type { AppliedBatch } from './divergence.ts';

/** Batches remembered, to find where two logs part. */
const RECENT_BATCHES_MAX = 1024;

/** The last revision of each batch applied lately, oldest first. */
export class RecentBatches {
  #batches: AppliedBatch[] = [];

  get all(): readonly AppliedBatch[] {
    return this.#batches;
  }

  add(revision: Revision, batchId: string): void {
    const last = this.#batches.at(-1);
    if (last?.batchId === batchId) this.#batches.pop();
    this.#batches.push({ revision, batchId });
    // Dropped in bulk, so that it does not cost a copy for every batch.
    if (this.#batches.length > 2 * RECENT_BATCHES_MAX) this.#batches = this.#batches.slice(-RECENT_BATCHES_MAX);
  }

  clear(): void {
    this.#batches = [];
  }
}
