import type { Revision } from '../../model/revision.ts';
import { CacheNode } from './policies/cache-node.ts';
import type { Bounds, EvictionPolicy } from './policies/eviction-policy.ts';
import { Lfu } from './policies/lfu.ts';
import { Lru } from './policies/lru.ts';
import { S3Fifo } from './policies/s3-fifo.ts';
import { WTinyLfu } from './policies/w-tiny-lfu.ts';

/** Of the near cache, what may be spent on keys that do not exist. */
export const ABSENT_SHARE = 0.05;
// What an entry takes beside the bytes of key and value, as `node src/bench/held-memory/main.ts` measures it.
/** Objects, place in the map, share of the tables of a policy. */
const ENTRY_OVERHEAD_BYTES = 240;
/** A buffer up to this length lies on the heap. Another one has its bytes beside it, and books that are kept of them. */
const HEAP_BUFFER_BYTES_MAX = 64;
const HEAP_BUFFER_OVERHEAD_BYTES = 224;
const BUFFER_OVERHEAD_BYTES = 380;
const STRING_OVERHEAD_BYTES = 16;

/** One parameter, or its absence, current at `applied` as long as it is here: a change drops it first. */
export interface NearEntry {
  /** As ParameterCodec encodes it; null: the key does not exist. */
  readonly encoded: Uint8Array | null;
  /** Of the key's last write. Of an absent key: the revision at which it was known to be absent. */
  readonly revision: Revision;
  /** On the monotonic clock. */
  readonly expiresAtMs: number;
  /** Before jitter. */
  readonly ttlMs: number;
}

/** Which entry to drop for want of space, by the name that PARAMD_NEAR_CACHE_POLICY gives it. */
export const NEAR_CACHE_POLICIES = {
  lru: () => new Lru(),
  lfu: () => new Lfu(),
  's3-fifo': (bounds) => new S3Fifo(bounds),
  'w-tinylfu': (bounds) => new WTinyLfu(bounds),
} as const satisfies Record<string, (bounds: Bounds) => EvictionPolicy>;
export type NearCachePolicy = keyof typeof NEAR_CACHE_POLICIES;

/** Entries by key, within bounds. A read costs one look-up and what the policy does. */
export class NearCache {
  readonly #nodes = new Map<string, CacheNode>();
  readonly #present: Part;
  /** So that a scan of keys that do not exist evicts nothing that does. */
  readonly #absent: Part;
  #evictions = 0;

  constructor(policy: NearCachePolicy, limits: Bounds) {
    this.#present = new Part(policy, shareOf(limits, 1 - ABSENT_SHARE));
    this.#absent = new Part(policy, shareOf(limits, ABSENT_SHARE));
  }

  get(key: string): NearEntry | undefined {
    const node = this.#nodes.get(key);
    if (node === undefined) return undefined;
    this.#partOf(node.entry).policy.use(node);
    return node.entry;
  }

  /** Without counting as a use. */
  peek(key: string): NearEntry | undefined {
    return this.#nodes.get(key)?.entry;
  }

  /** What is larger than all of the cache is not kept. To replace an entry is no use of it: only a read is. */
  set(key: string, entry: NearEntry): void {
    const part = this.#partOf(entry);
    const bytes = entryBytes(key, entry);
    const held = this.#nodes.get(key);
    if (held !== undefined && this.#partOf(held.entry) === part && bytes <= part.bounds.bytesMax) {
      part.replace(held, entry, bytes);
      this.#makeRoom(part, 0, 0);
      return;
    }
    if (held !== undefined) this.#drop(held);
    if (bytes > part.bounds.bytesMax) return;
    this.#makeRoom(part, 1, bytes);
    const node = new CacheNode(key, entry, bytes);
    this.#nodes.set(key, node);
    part.add(node);
  }

  delete(key: string): void {
    const node = this.#nodes.get(key);
    if (node !== undefined) this.#drop(node);
  }

  clear(): void {
    this.#nodes.clear();
    this.#present.clear();
    this.#absent.clear();
  }

  keys(): Iterable<string> {
    return this.#nodes.keys();
  }

  get entries(): number {
    return this.#nodes.size;
  }

  get bytes(): number {
    return this.#present.bytes + this.#absent.bytes;
  }

  /** For want of space, since the start. */
  get evictions(): number {
    return this.#evictions;
  }

  /** Would another entry evict one? */
  get isFull(): boolean {
    return this.#present.lacksRoom(1, ENTRY_OVERHEAD_BYTES);
  }

  #partOf(entry: NearEntry): Part {
    return entry.encoded === null ? this.#absent : this.#present;
  }

  #makeRoom(part: Part, entries: number, bytes: number): void {
    while (part.lacksRoom(entries, bytes)) {
      this.#drop(part.policy.victim());
      this.#evictions += 1;
    }
  }

  #drop(node: CacheNode): void {
    this.#nodes.delete(node.key);
    this.#partOf(node.entry).remove(node);
  }
}

/** A share of the cache, with a policy of its own. */
class Part {
  readonly bounds: Bounds;
  readonly #newPolicy: () => EvictionPolicy;
  policy: EvictionPolicy;
  #entries = 0;
  bytes = 0;

  constructor(policy: NearCachePolicy, bounds: Bounds) {
    this.bounds = bounds;
    this.#newPolicy = () => NEAR_CACHE_POLICIES[policy](bounds);
    this.policy = this.#newPolicy();
  }

  lacksRoom(entries: number, bytes: number): boolean {
    return this.#entries + entries > this.bounds.entriesMax || this.bytes + bytes > this.bounds.bytesMax;
  }

  add(node: CacheNode): void {
    this.policy.add(node);
    this.#entries += 1;
    this.bytes += node.bytes;
  }

  remove(node: CacheNode): void {
    node.list!.remove(node);
    this.#entries -= 1;
    this.bytes -= node.bytes;
  }

  replace(node: CacheNode, entry: NearEntry, bytes: number): void {
    this.bytes += bytes - node.bytes;
    node.list!.bytes += bytes - node.bytes;
    node.bytes = bytes;
    node.entry = entry;
  }

  clear(): void {
    this.policy = this.#newPolicy();
    this.#entries = 0;
    this.bytes = 0;
  }
}

/** No more entries than the bytes have room for: policies make their tables as large as the entries need. */
export function shareOf(limits: Bounds, share: number): Bounds {
  const bytesMax = Math.max(ENTRY_OVERHEAD_BYTES, Math.floor(limits.bytesMax * share));
  const entriesMax = Math.min(Math.floor(limits.entriesMax * share), Math.floor(bytesMax / ENTRY_OVERHEAD_BYTES));
  return { entriesMax: Math.max(1, entriesMax), bytesMax };
}

export function entryBytes(key: string, { encoded }: NearEntry): number {
  return ENTRY_OVERHEAD_BYTES + stringBytes(key) + (encoded === null ? 0 : bufferBytes(encoded.length));
}

function bufferBytes(length: number): number {
  return length + (length <= HEAP_BUFFER_BYTES_MAX ? HEAP_BUFFER_OVERHEAD_BYTES : BUFFER_OVERHEAD_BYTES);
}

/** One byte a unit, unless one of them needs two. */
function stringBytes(text: string): number {
  return STRING_OVERHEAD_BYTES + text.length * (/[^\0-\u00ff]/.test(text) ? 2 : 1);
}
