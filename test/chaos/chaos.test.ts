import { randomInt } from 'node:crypto';
import { FAULTS } from './faults.ts';
import { keepEvidence } from './keep-evidence.ts';
import { runFault } from './run-fault.ts';
import { SHORT } from './scale.ts';

const SEED = Number(process.env.PARAMD_TEST_SEED ?? randomInt(1e9));

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
