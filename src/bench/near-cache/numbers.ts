import type { NearCache, ParamdClient } from '../../client/index.ts';

// What the figures of the near cache are measured with: integers under one prefix. Their sum tells that all are there.

/** All of them are under it. */
export const PREFIX = 'app:bench:';
const OPERATIONS_MAX = 300;
const COMMITS_AT_ONCE = 4;

/** 30 bytes. */
export function numberKey(index: number): string {
  return `${PREFIX}${String(index).padStart(20, '0')}`;
}

/** Small integers, and no two neighbours the same. */
export function numberAt(index: number): number {
  return (index * 7919) % 100_003;
}

export function sumOfNumbers(count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += numberAt(index);
  return sum;
}

export async function writeNumbers(client: ParamdClient, count: number): Promise<void> {
  let next = 0;
  const write = async () => {
    while (next < count) {
      const length = Math.min(OPERATIONS_MAX, count - next);
      const first = next;
      next += length;
      await client.commit(
        Array.from({ length }, (_, i) => ({ set: numberKey(first + i), value: BigInt(numberAt(first + i)) })),
      );
    }
  };
  await Promise.all(Array.from({ length: COMMITS_AT_ONCE }, write));
}

/** @throws Error unless it holds all numbers, from where they should come */
export function checkHolds(cache: NearCache, count: number, source: NearCache['source']): void {
  if (cache.source !== source) throw new Error(`the near cache is ${cache.source}, not ${source}`);
  if (cache.size !== count) throw new Error(`the near cache holds ${cache.size} parameters, not ${count}`);
  let sum = 0;
  for (let index = 0; index < count; index++) sum += cache.number(numberKey(index), Number.NaN);
  if (sum !== sumOfNumbers(count)) throw new Error('the near cache holds other values than were written');
}
