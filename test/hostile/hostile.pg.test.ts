import { expect } from 'chai';
import { allCases } from './all-cases.ts';
import { runCases } from './run-cases.ts';
import { startVictim, type Victim } from './victim.ts';

/** `npm run hostile` demands 100 ms; here other tests run on the same cores, and it is blocking that would show. */
const INNOCENT_MS_MAX = 2000;

describe('hostile input (C15)', function () {
  this.timeout(120_000);
  let victim: Victim;
  before(async function () {
    if (process.platform !== 'linux') this.skip();
    victim = await startVictim();
  });
  after(() => victim?.stop());

  const cases = allCases().filter(({ flood }) => flood !== 'campaign');
  for (const group of new Set(cases.map((one) => one.group))) {
    it(`is told what it should be, and changes nothing: ${group}`, async () => {
      const ofGroup = cases.filter((one) => one.group === group);
      const outcomes = await runCases(victim, ofGroup, { innocentMsMax: INNOCENT_MS_MAX, tell: () => {} });
      const problems = outcomes.flatMap(({ name, problems }) => problems.map((problem) => `${name}: ${problem}`));
      expect(problems).to.deep.equal([]);
      expect(outcomes).to.have.length(ofGroup.length);
    });
  }
});
