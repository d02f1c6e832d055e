import type { NearEntry } from '../near-cache.ts';
import type { Bounds } from './eviction-policy.ts';

/** One entry in the cache, and its place in the list of a policy. */
export class CacheNode {
  readonly key: string;
  entry: NearEntry;
  bytes: number;
  list: NodeList | undefined = undefined;
  newer: CacheNode = this;
  older: CacheNode = this;
  /** For the policy. */
  uses = 0;
  /** For the policy. */
  hash = 0;

  constructor(key: string, entry: NearEntry, bytes: number) {
    this.key = key;
    this.entry = entry;
    this.bytes = bytes;
  }
}

const NO_ENTRY: NearEntry = { encoded: null, revision: 0n, expiresAtMs: 0, ttlMs: 0 };

/** Nodes in an order, linked through themselves: a ring that `#end` closes. */
export class NodeList {
  /** Its `older` is the newest node, its `newer` the oldest one. */
  readonly #end = new CacheNode('', NO_ENTRY, 0);
  length = 0;
  bytes = 0;

  get oldest(): CacheNode | undefined {
    return this.length === 0 ? undefined : this.#end.newer;
  }

  /** As the newest. */
  add(node: CacheNode): void {
    this.#link(node);
    node.list = this;
    this.length += 1;
    this.bytes += node.bytes;
  }

  remove(node: CacheNode): void {
    unlink(node);
    node.list = undefined;
    this.length -= 1;
    this.bytes -= node.bytes;
  }

  renew(node: CacheNode): void {
    unlink(node);
    this.#link(node);
  }

  /** Of the bounds, the larger. */
  share({ entriesMax, bytesMax }: Bounds): number {
    return Math.max(this.length / entriesMax, this.bytes / bytesMax);
  }

  #link(node: CacheNode): void {
    const newest = this.#end.older;
    node.newer = this.#end;
    node.older = newest;
    newest.newer = node;
    this.#end.older = node;
  }
}

function unlink({ newer, older }: CacheNode): void {
  newer.older = older;
  older.newer = newer;
}

/** From its list to another, as the newest there. */
export function move(node: CacheNode, to: NodeList): void {
  node.list?.remove(node);
  to.add(node);
}
