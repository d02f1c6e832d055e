import { newer, type Revision } from '../../model/revision.ts';

/** Keys written here that the tailer has not reached. More of them share the highest floor. */
const FLOORS_MAX = 100_000;

/**
 * C1: what an answer must reflect because this replica has acknowledged it, while `applied` is not there yet.
 * Usually empty: a write's own replica applies it before the acknowledgement, unless another replica's write is missing
 * in between.
 */
export class Floors {
  readonly #byKey = new Map<string, Revision>();
  #highest: Revision = 0n;
  /** Of every key, once there are too many. */
  #common: Revision = 0n;

  raise(key: string, revision: Revision): void {
    if (this.#byKey.size >= FLOORS_MAX) this.#common = newer(revision, this.#common);
    else this.#byKey.set(key, newer(revision, this.of(key)));
    this.#highest = newer(revision, this.#highest);
  }

  of(key: string): Revision {
    if (this.#highest === 0n) return 0n;
    return newer(this.#byKey.get(key) ?? 0n, this.#common);
  }

  /** Of lists and batches. */
  get highest(): Revision {
    return this.#highest;
  }

  /** The tailer has applied up to here: floors below are kept by it. */
  advance(applied: Revision): void {
    if (this.#highest === 0n || applied < this.#highest) return;
    this.clear();
  }

  clear(): void {
    this.#byKey.clear();
    this.#highest = 0n;
    this.#common = 0n;
  }
}
