import { ABSENT_SHARE, NearCache, type NearCachePolicy, type NearEntry } from '../../core/cache/near-cache.ts';
import { beladyHits } from './belady.ts';

export interface HitRatio {
  /** Of all distinct keys. */
  readonly size: number;
  readonly entries: number;
  /** From 0 to 1: what no policy can exceed. */
  readonly optimum: number;
  readonly ratios: Readonly<Partial<Record<NearCachePolicy, number>>>;
}

const ENTRY: NearEntry = { encoded: new Uint8Array(0), revision: 0n, expiresAtMs: 0, ttlMs: 0 };

/** Replays accesses (a get each, and after a miss a set) on the near cache as it is. @param sizes shares of the keys */
export function hitRatios(
  accesses: Uint32Array,
  sizes: readonly number[],
  policies: readonly NearCachePolicy[],
): readonly HitRatio[] {
  const { keys, numbers } = numbered(accesses);
  return sizes.map((size) => {
    const entries = Math.max(1, Math.round(keys.length * size));
    const ratioOf = (hits: number) => hits / accesses.length;
    return {
      size,
      entries,
      optimum: ratioOf(beladyHits(numbers, entries)),
      ratios: Object.fromEntries(policies.map((policy) => [policy, ratioOf(replay(keys, numbers, policy, entries))])),
    };
  });
}

function replay(keys: readonly string[], numbers: Uint32Array, policy: NearCachePolicy, entries: number): number {
  const entriesMax = Math.ceil(entries / (1 - ABSENT_SHARE));
  const cache = new NearCache(policy, { entriesMax, bytesMax: Number.MAX_SAFE_INTEGER });
  let hits = 0;
  for (let at = 0; at < numbers.length; at++) {
    const key = keys[numbers[at]!]!;
    if (cache.get(key) !== undefined) hits += 1;
    else cache.set(key, ENTRY);
  }
  if (cache.entries > entries) throw new Error(`the cache held ${cache.entries} entries instead of ${entries}`);
  return hits;
}

/** Keys from 0 on in the order of their first access, and their names. */
function numbered(accesses: Uint32Array): { readonly keys: readonly string[]; readonly numbers: Uint32Array } {
  const numberOf = new Map<number, number>();
  const numbers = accesses.map((access) => {
    const number = numberOf.get(access) ?? numberOf.size;
    if (number === numberOf.size) numberOf.set(access, number);
    return number;
  });
  return { keys: [...numberOf.keys()].map((access) => `app:trace:${access}`), numbers };
}
