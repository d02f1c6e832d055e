import { type CacheNode, NodeList } from './cache-node.ts';
import type { EvictionPolicy } from './eviction-policy.ts';

/** Drops what was not used for longest. */
export class Lru implements EvictionPolicy {
  readonly #nodes = new NodeList();

  add(node: CacheNode): void {
    this.#nodes.add(node);
  }

  use(node: CacheNode): void {
    this.#nodes.renew(node);
  }

  victim(): CacheNode {
    return this.#nodes.oldest!;
  }
}
