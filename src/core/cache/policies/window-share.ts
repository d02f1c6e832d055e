import { Ghosts } from './ghosts.ts';

const SHARE_AT_START = 0.2;
const SHARE_MIN = 0.01;
/** Then all is one LRU. */
const SHARE_MAX = 1;
/** Of the entries: by so much more or less of the window its worth is judged. */
const MARGIN = 0.1;
/** One entry, in small caches; in large ones a thousandth. */
const STEP_MIN = 0.001;

/**
 * How large should the window be? Reads that follow each other closely want a large one, popular keys a small one, and
 * which it is changes with the hour.
 *
 * The usual way is to move the window, wait, and compare the hit ratios; but those of two times differ by more than what
 * the window does, and it is misled or slow. So what would have been is counted: a key comes back that was just turned
 * away at the end of the window: a somewhat larger window would have held it. One comes back that was just dropped from
 * the main part: a somewhat larger main part would have. Each moves the border by a step, until both are as frequent:
 * the top of the hill.
 */
export class WindowShare {
  #share = SHARE_AT_START;
  readonly #turnedAway: Ghosts;
  readonly #displaced: Ghosts;

  constructor(entriesMax: number) {
    this.#turnedAway = new Ghosts(entriesMax * MARGIN);
    this.#displaced = new Ghosts(entriesMax * MARGIN);
  }

  get share(): number {
    return this.#share;
  }

  turnedAway(hash: number): void {
    this.#turnedAway.add(hash);
  }

  displaced(hash: number): void {
    this.#displaced.add(hash);
  }

  /** @param entries held now */
  comes(hash: number, entries: number): void {
    const margin = Math.max(1, entries * MARGIN);
    const step = Math.max(STEP_MIN, 1 / Math.max(1, entries));
    if (this.#turnedAway.take(hash, margin)) this.#share = Math.min(SHARE_MAX, this.#share + step);
    if (this.#displaced.take(hash, margin)) this.#share = Math.max(SHARE_MIN, this.#share - step);
  }
}
