import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { FAULTS } from './faults.ts';
import { keepEvidence } from './keep-evidence.ts';
import { runFault } from './run-fault.ts';
import { SHORT } from './scale.ts';

const SEED = Number(process.env.PARAMD_TEST_SEED ?? 1);

/** Each under the fault that brings it out. */
const MISTAKES = [
  { mistake: 'tombstone missing', fault: 'nothing', breaks: 'C5' },
  { mistake: 'hole skipped', fault: 'bus drops, doubles, reorders', breaks: 'C10' },
];

/** A short pass of what `npm run chaos` does at length. */
describe(`the contract while things break (PARAMD_TEST_SEED=${SEED})`, () => {
  for (const fault of FAULTS) {
    it(`${fault.group}: ${fault.name}`, async function () {
      const trace: string[] = [];
      const { result, evidence } = await runFault(fault, {
        scale: SHORT,
        seed: SEED,
        tell: (line) => trace.push(line),
      });
      if (result.outcome === 'held') return;
      if (result.outcome === 'not run') {
        console.log(`      not run: ${result.problems.join('\n')}`);
        this.skip();
      }
      throw new Error(
        [...result.problems, 'what was done:', ...trace, `what was recorded: ${keepEvidence(evidence)}`].join(
          '\n        ',
        ),
      );
    });
  }
});

describe('the harness of chaos', () => {
  for (const { mistake, fault: name, breaks } of MISTAKES) {
    it(`sees, by ${breaks}, that a mistake was put into the replicas: ${mistake}`, async () => {
      const fault = FAULTS.find((each) => each.name === name)!;
      const hook = pathToFileURL('test/chaos/put-back-mistake.ts').href;
      const settings = { ...fault.site?.settings, NODE_OPTIONS: `--import ${hook}`, PARAMD_TEST_MISTAKE: mistake };
      const mistaken = { ...fault, site: { ...fault.site, settings } };
      const { result } = await runFault(mistaken, { scale: SHORT, seed: SEED, tell: () => {} });
      expect(result.outcome).to.equal('failed');
      expect(result.violations).to.be.above(0);
      expect(result.problems.join('\n')).to.match(new RegExp(`^${breaks} `, 'm'));
    });
  }
});
