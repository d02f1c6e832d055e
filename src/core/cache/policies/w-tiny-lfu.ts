import { keyHash } from '../key-hash.ts';
import { type CacheNode, move, NodeList } from './cache-node.ts';
import type { Bounds, EvictionPolicy } from './eviction-policy.ts';
import { FrequencySketch } from './frequency-sketch.ts';
import { WindowShare } from './window-share.ts';

/** Of the main part, what was read there. */
const PROTECTED_SHARE = 0.8;
/** Nodes that may leave the window for one that comes, when it has shrunk. */
const MOVES_MAX = 2;

/**
 * A newcomer has to be asked for more often than what it would displace (W-TinyLFU). It enters a window, which is an LRU;
 * who leaves the window contests the place of the oldest on probation in the main part, by the counts of a sketch that
 * remembers more keys than are held. Who is read on probation is protected, until too many are. A fixed window loses to
 * LRU where reads follow each other closely, so its share is adapted.
 */
export class WTinyLfu implements EvictionPolicy {
  readonly #bounds: Bounds;
  readonly #window = new NodeList();
  readonly #probation = new NodeList();
  readonly #protected = new NodeList();
  readonly #sketch: FrequencySketch;
  readonly #windowShare: WindowShare;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#windowShare = new WindowShare(bounds.entriesMax);
    this.#sketch = new FrequencySketch(bounds.entriesMax);
  }

  add(node: CacheNode): void {
    node.hash = keyHash(node.key);
    this.#sketch.add(node.hash);
    this.#windowShare.comes(node.hash, this.#window.length + this.#probation.length + this.#protected.length);
    // There is room, so nobody is displaced.
    for (let moves = 0; moves < MOVES_MAX && this.#windowIsFull(); moves++) move(this.#window.oldest!, this.#probation);
    this.#window.add(node);
  }

  use(node: CacheNode): void {
    this.#sketch.add(node.hash);
    if (node.list !== this.#probation) {
      node.list!.renew(node);
      return;
    }
    move(node, this.#protected);
    const share = (1 - this.#windowShare.share) * PROTECTED_SHARE;
    for (let moves = 0; moves < MOVES_MAX && this.#protected.share(this.#bounds) > share; moves++) {
      move(this.#protected.oldest!, this.#probation);
    }
  }

  victim(): CacheNode {
    const newcomer = this.#windowIsFull() ? this.#window.oldest : undefined;
    const held = this.#probation.oldest ?? this.#protected.oldest;
    if (held === undefined) return this.#window.oldest!;
    if (newcomer !== undefined) {
      if (this.#sketch.count(newcomer.hash) <= this.#sketch.count(held.hash)) {
        this.#windowShare.turnedAway(newcomer.hash);
        return newcomer;
      }
      move(newcomer, this.#probation);
    }
    this.#windowShare.displaced(held.hash);
    return held;
  }

  #windowIsFull(): boolean {
    return this.#window.length > 0 && this.#window.share(this.#bounds) >= this.#windowShare.share;
  }
}
