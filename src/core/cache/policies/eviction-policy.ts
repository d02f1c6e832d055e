import type { CacheNode } from './cache-node.ts';

/**
 * Orders what a cache holds, and says what to drop for want of space. It keeps each node in one of its lists; the cache
 * takes out what is dropped, and knows keys, bounds and bytes. Whatever is called costs the same however much is held.
 */
export interface EvictionPolicy {
  /** Takes in a node, for which there is room. */
  add(node: CacheNode): void;
  /** It was read. */
  use(node: CacheNode): void;
  /** Which to drop next, of one or more. The cache drops it at once. */
  victim(): CacheNode;
}

/** What is held stays within both. A list of a policy may take up a share of them. */
export interface Bounds {
  readonly entriesMax: number;
  readonly bytesMax: number;
}
