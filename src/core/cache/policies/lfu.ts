import { type CacheNode, move, NodeList } from './cache-node.ts';
import type { EvictionPolicy } from './eviction-policy.ts';

/** So many uses count, so that what was popular is forgotten. One less than a power of two. */
const USES_MAX = 63;

/**
 * Drops what was used least, with ageing.
 *
 * Plain LFU keeps for ever what was popular once. Halving all counters now and then costs a walk over all. So the uses of
 * a node are counted from an age that grows: its rank is the age at its last use plus its uses, the lowest rank is
 * dropped first, and becomes the age. Whoever is not used is reached by the age at last (LFU-DA). As ranks lie between
 * the age and USES_MAX above it, a ring of lists holds them, one for each rank.
 */
export class Lfu implements EvictionPolicy {
  readonly #ranks = Array.from({ length: USES_MAX + 1 }, () => new NodeList());
  #age = 0;

  add(node: CacheNode): void {
    node.uses = 1;
    this.#listOf(node).add(node);
  }

  use(node: CacheNode): void {
    if (node.uses < USES_MAX) node.uses += 1;
    move(node, this.#listOf(node));
  }

  victim(): CacheNode {
    for (;;) {
      const { oldest } = this.#ranks[this.#age & USES_MAX]!;
      if (oldest !== undefined) return oldest;
      this.#age += 1;
    }
  }

  #listOf({ uses }: CacheNode): NodeList {
    return this.#ranks[(this.#age + uses) & USES_MAX]!;
  }
}
