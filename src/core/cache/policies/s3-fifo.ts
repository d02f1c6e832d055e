import { keyHash } from '../key-hash.ts';
import { type CacheNode, move, NodeList } from './cache-node.ts';
import type { Bounds, EvictionPolicy } from './eviction-policy.ts';
import { Ghosts } from './ghosts.ts';

/** Of the cache, what newcomers may take before they have to show that they are used. */
const SMALL_SHARE = 0.1;
/** So many uses count. */
const USES_MAX = 3;
/** Uses in the small queue after which a node belongs to the main one. */
const USES_TO_STAY = 2;

/**
 * Two queues in the order of arrival (S3-FIFO). Most keys are read once: they pass the small queue, and are gone soon.
 * What was read meanwhile, or comes back while its ghost is remembered, moves to the main queue, where each read earns
 * another round. A read moves nothing.
 */
export class S3Fifo implements EvictionPolicy {
  readonly #bounds: Bounds;
  readonly #small = new NodeList();
  readonly #main = new NodeList();
  readonly #ghosts: Ghosts;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
    this.#ghosts = new Ghosts(bounds.entriesMax);
  }

  add(node: CacheNode): void {
    node.hash = keyHash(node.key);
    node.uses = 0;
    const returns = this.#ghosts.take(node.hash, this.#main.length);
    (returns ? this.#main : this.#small).add(node);
  }

  use(node: CacheNode): void {
    if (node.uses < USES_MAX) node.uses += 1;
  }

  victim(): CacheNode {
    return this.#victimOfSmall() ?? this.#victimOfMain() ?? this.#small.oldest!;
  }

  #victimOfSmall(): CacheNode | undefined {
    while (this.#small.share(this.#bounds) >= SMALL_SHARE) {
      const node = this.#small.oldest!;
      if (node.uses < USES_TO_STAY) {
        this.#ghosts.add(node.hash);
        return node;
      }
      node.uses = 0;
      move(node, this.#main);
    }
    return undefined;
  }

  /** Each round costs a use, so that over time there are no more rounds than uses. */
  #victimOfMain(): CacheNode | undefined {
    for (let node = this.#main.oldest; node !== undefined; node = this.#main.oldest) {
      if (node.uses === 0) return node;
      node.uses -= 1;
      this.#main.renew(node);
    }
    return undefined;
  }
}
