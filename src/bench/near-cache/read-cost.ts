import type { NearCache } from '../../client/index.ts';
import { numberAt, numberKey } from './numbers.ts';

/** One look at one key, in nanoseconds, of every round. */
export interface ReadCost {
  readonly cacheNs: readonly number[];
  readonly mapNs: readonly number[];
}

/** In one round. */
const READS_MIN = 1_000_000;
const ROUNDS_TO_WARM_UP = 3;

/** All keys, each once, in random order: what is read is mostly not in the processor's caches. */
export function costOfManyKeys(cache: NearCache, count: number, rounds: number): ReadCost {
  const order = shuffled(count);
  return readCost(cache, order, rounds);
}

export function costOfOneKey(cache: NearCache, rounds: number): ReadCost {
  return readCost(cache, new Array<number>(10_000).fill(4711 % cache.size), rounds);
}

/**
 * The cache and a plain Map of the same keys in turn, so that whatever else the machine does strikes both. Keys looked
 * up are other strings than those held, as in a program. Every round adds up what it read: the sum must be right, which
 * also keeps the compiler from leaving the reads out.
 */
function readCost(cache: NearCache, order: readonly number[], rounds: number): ReadCost {
  const map = new Map([...cache.entries()].map(([key, value]) => [key, Number(value)]));
  const keys = order.map(numberKey);
  const passes = Math.ceil(READS_MIN / keys.length);
  const expected = order.reduce((sum, index) => sum + numberAt(index), 0) * passes;
  const costs = { cacheNs: [] as number[], mapNs: [] as number[] };
  for (let round = -ROUNDS_TO_WARM_UP; round < rounds; round++) {
    const cacheNs = timed(() => sumOfCache(cache, keys, passes), expected, keys.length * passes);
    const mapNs = timed(() => sumOfMap(map, keys, passes), expected, keys.length * passes);
    if (round < 0) continue;
    costs.cacheNs.push(cacheNs);
    costs.mapNs.push(mapNs);
  }
  return costs;
}

function sumOfCache(cache: NearCache, keys: readonly string[], passes: number): number {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let i = 0; i < keys.length; i++) sum += cache.number(keys[i]!, 0);
  }
  return sum;
}

function sumOfMap(map: ReadonlyMap<string, number>, keys: readonly string[], passes: number): number {
  let sum = 0;
  for (let pass = 0; pass < passes; pass++) {
    for (let i = 0; i < keys.length; i++) sum += map.get(keys[i]!) ?? 0;
  }
  return sum;
}

function timed(add: () => number, expected: number, reads: number): number {
  const startedMs = performance.now();
  const sum = add();
  const tookMs = performance.now() - startedMs;
  if (sum !== expected) throw new Error('a read gave another value than was written');
  return (tookMs * 1e6) / reads;
}

function shuffled(count: number): number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let i = count - 1; i > 0; i--) {
    const other = Math.floor(Math.random() * (i + 1));
    [order[i], order[other]] = [order[other]!, order[i]!];
  }
  return order;
}
