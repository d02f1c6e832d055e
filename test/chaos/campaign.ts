import { parseArgs } from 'node:util';
import { FAULTS } from './faults.ts';
import { keepEvidence } from './keep-evidence.ts';
import { runFault } from './run-fault.ts';
import { FULL, SHORT } from './scale.ts';

const { values } = parseArgs({
  options: { short: { type: 'boolean', default: false }, only: { type: 'string', default: '' } },
});
for (const fault of FAULTS.filter(({ name }) => name.includes(values.only))) {
  const { result, evidence } = await runFault(fault, {
    scale: values.short ? SHORT : FULL,
    seed: 1,
    tell: (line) => console.log(`   ${line}`),
  });
  console.log(JSON.stringify(result, null, 1));
  console.log(keepEvidence(evidence));
}
