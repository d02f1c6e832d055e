import { LRUCache } from 'lru-cache';
import type { Revision } from '../../model/revision.ts';

/** Of the near cache, what may be spent on keys that do not exist. */
const ABSENT_SHARE = 0.05;
/** What an entry takes beside its bytes: key, objects, map slot. Measured with 100,000 entries. */
const ENTRY_OVERHEAD_BYTES = 320;

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

export interface NearCacheLimits {
  readonly entriesMax: number;
  readonly bytesMax: number;
}

/** What holds entries and decides which to drop for want of space. A policy is one implementation of it. */
export interface NearCache {
  get(key: string): NearEntry | undefined;
  /** Without counting as a use. */
  peek(key: string): NearEntry | undefined;
  set(key: string, entry: NearEntry): void;
  delete(key: string): void;
  clear(): void;
  keys(): Iterable<string>;
  readonly entries: number;
  readonly bytes: number;
  /** For want of space, since the start. */
  readonly evictions: number;
  /** Would another entry evict one? */
  readonly isFull: boolean;
}

export const NEAR_CACHE_POLICIES = { lru: lruCache } as const;
export type NearCachePolicy = keyof typeof NEAR_CACHE_POLICIES;

/** Drops what was not used for longest. Absent keys have a small cache of their own, so that a scan evicts nothing. */
export function lruCache(limits: NearCacheLimits): NearCache {
  let evictions = 0;
  const open = (share: number) =>
    new LRUCache<string, NearEntry>({
      max: Math.max(1, Math.floor(limits.entriesMax * share)),
      maxSize: Math.max(ENTRY_OVERHEAD_BYTES, Math.floor(limits.bytesMax * share)),
      sizeCalculation: (entry, key) => entryBytes(key, entry),
      dispose: (_entry, _key, reason) => {
        if (reason === 'evict') evictions += 1;
      },
    });
  const present = open(1 - ABSENT_SHARE);
  const absent = open(ABSENT_SHARE);
  return {
    get: (key) => present.get(key) ?? absent.get(key),
    peek: (key) => present.peek(key) ?? absent.peek(key),
    set(key, entry) {
      const [here, other] = entry.encoded === null ? [absent, present] : [present, absent];
      other.delete(key);
      here.set(key, entry);
    },
    delete(key) {
      present.delete(key);
      absent.delete(key);
    },
    clear() {
      present.clear();
      absent.clear();
    },
    *keys() {
      yield* present.keys();
      yield* absent.keys();
    },
    get entries() {
      return present.size + absent.size;
    },
    get bytes() {
      return present.calculatedSize + absent.calculatedSize;
    },
    get evictions() {
      return evictions;
    },
    get isFull() {
      return present.size >= present.max || present.calculatedSize + ENTRY_OVERHEAD_BYTES >= present.maxSize;
    },
  };
}

function entryBytes(key: string, entry: NearEntry): number {
  return ENTRY_OVERHEAD_BYTES + key.length * 2 + (entry.encoded?.length ?? 0);
}
