import type { Revision } from '../../model/revision.ts';
import { keyHash } from './key-hash.ts';

/**
 * For each key the revision of its last change, or a later one.
 *
 * A value loaded from anywhere may be old by the time it arrives: another replica has written meanwhile. Remembering the
 * change of every key would need memory without bound, remembering only recent ones would forget. So the keys share a
 * fixed number of slots by hash: two keys in one slot make a value look changed that is not, which costs a miss and is
 * never wrong. Of changes up to `knownAfter` nothing is known.
 */
export class LastChanges {
  readonly #slots: BigInt64Array;
  #knownAfter: Revision = 0n;

  /** @param slots a power of two */
  constructor(slots: number) {
    this.#slots = new BigInt64Array(slots);
  }

  /** Every change after this revision is known. */
  get knownAfter(): Revision {
    return this.#knownAfter;
  }

  record(key: string, revision: Revision): void {
    this.#slots[this.#slotOf(key)] = revision;
  }

  /** Of the key's last change, or a later one; 0n: not known. */
  of(key: string): Revision {
    return this.#slots[this.#slotOf(key)]!;
  }

  /**
   * The one rule of both caches: a value that was current at `asOf` may be used at `applied` exactly if `applied` has
   * reached `asOf` and the key has not changed since.
   */
  isCurrent(key: string, asOf: Revision, applied: Revision): boolean {
    return asOf <= applied && asOf >= this.#knownAfter && this.of(key) <= asOf;
  }

  /** Begins anew: nothing is known of changes up to `revision`. */
  reset(revision: Revision): void {
    this.#slots.fill(0n);
    this.#knownAfter = revision;
  }

  #slotOf(key: string): number {
    return keyHash(key) & (this.#slots.length - 1);
  }
}
