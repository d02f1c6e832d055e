import { simulate } from './simulation.ts';

/** `PARAMD_TEST_SIMULATIONS=1000 npx mocha test/core/simulation.test.ts` runs a campaign; each seed is repeatable. */
const SIMULATIONS = Number(process.env.PARAMD_TEST_SIMULATIONS ?? 10);
const FIRST_SEED = Number(process.env.PARAMD_TEST_SEED ?? 1);
const STEPS = 300;

describe('simulated histories keep C1, C2, C3, C5, C7, C9 and C10', () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SIMULATIONS; seed++) {
    it(`seed ${seed}`, () => simulate(seed, STEPS));
  }
});
