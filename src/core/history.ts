import type { Epoch, Revision } from '../model/revision.ts';

/** Which revisions belong to the one order, as far as the epochs tell. */
export class History {
  readonly epoch: Epoch;
  readonly #epochs: readonly Epoch[];

  /** @param epochs all, oldest first; the last one is the present one */
  constructor(epochs: readonly Epoch[]) {
    const present = epochs.at(-1);
    if (present === undefined) throw new Error('a history has at least one epoch');
    this.epoch = present;
    this.#epochs = epochs;
  }

  /** The same with the present epoch as somebody told it later, who knows that more was lost. */
  with(present: Epoch): History {
    return new History([...this.#epochs.slice(0, -1), present]);
  }

  /** Did it come through this epoch? What another one brought forth is not part of it. */
  includes(epochId: string): boolean {
    return this.#epochs.some(({ id }) => id === epochId);
  }

  /**
   * Was this number lost in a failover, or never issued? The last number before an epoch is no revision either, but
   * stands for "everything before the epoch": it is what a replica has applied when the epoch begins.
   * @param seenIn the present epoch when it was seen. If this history has not come through it, all of it is lost, its
   * beginning too: that stands for all that the other one went on from.
   */
  isLost(revision: Revision, seenIn: Epoch = this.epoch): boolean {
    if (revision >= seenIn.startRevision - 1n && !this.includes(seenIn.id)) return true;
    return this.#epochs.some((epoch) => revision > epoch.lostAfter && revision < epoch.startRevision - 1n);
  }
}
