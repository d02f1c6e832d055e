import { expect } from 'chai';
import { simulate } from './simulate.ts';
import { tellFailure } from './tell-failure.ts';

const SEEDS = 3000;
const SEEDS_OF_A_TEST = 100;
const TEST_MS_MAX = 60_000;

/** Tests for one part of the seeds: files run side by side. `PARAMD_TEST_SEED=17` runs that one alone. */
export function testSeeds(part: number, parts: number): void {
  const only = process.env.PARAMD_TEST_SEED;
  const size = SEEDS / parts;
  const [first, last] = only === undefined ? [(part - 1) * size + 1, part * size] : [Number(only), Number(only)];
  for (let from = first; from <= last; from += SEEDS_OF_A_TEST) {
    const to = Math.min(last, from + SEEDS_OF_A_TEST - 1);
    it(`seeds ${from} to ${to}`, async () => {
      for (let seed = from; seed <= to; seed++) {
        const { violations } = await simulate(seed);
        if (violations.length > 0) expect.fail(await tellFailure(seed, violations));
      }
    }).timeout(TEST_MS_MAX);
  }
}
