import { storedText } from '../stored-text.ts';
import type { Keys } from './load-order.ts';

/** What is stored under each. */
export const VALUE_BYTES = 100;
const PICKS = 1 << 18;

export function keyAt({ prefix }: Keys, index: number): string {
  return `${prefix}${String(index).padStart(8, '0')}`;
}

export function textAt(index: number): string {
  return storedText(VALUE_BYTES, index);
}

/** @returns the number of the key of each call */
export function pickerOf({ count, zipf, repeat = 1 }: Keys): (call: number) => number {
  if (zipf === undefined) return (call) => Math.floor(call / repeat) % count;
  const picks = zipfPicks(count, zipf);
  return (call) => picks[call % PICKS]!;
}

/** The same in every process: a fixed seed. */
function zipfPicks(count: number, exponent: number): Uint32Array {
  const sums = new Float64Array(count);
  let sum = 0;
  for (let rank = 0; rank < count; rank++) {
    sum += 1 / (rank + 1) ** exponent;
    sums[rank] = sum;
  }
  let state = 1;
  return Uint32Array.from({ length: PICKS }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return firstAtLeast(sums, (state / 2 ** 32) * sum);
  });
}

function firstAtLeast(sorted: Float64Array, wanted: number): number {
  let [low, high] = [0, sorted.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
