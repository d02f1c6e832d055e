// `node src/bench/hit-ratio/main.ts`: how many reads each policy of the near cache answers, beside the best that can be.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { hitRatioPlot, hitRatioReport } from './hit-ratio-report.ts';
import { missingTraces, replayAll } from './replay-all.ts';

const USAGE = `node src/bench/hit-ratio/main.ts [options]

  --trace <file>...   keys as big-endian 32-bit numbers, gzip (.u32be.gz), beside the generated mixes
  --json <file>       all figures
  --svg <file>        a plot of the means`;

const { values: given } = parseArgs({
  options: {
    trace: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    svg: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const missing = missingTraces(given.trace);

if (given.help) console.log(USAGE);
else if (missing.length > 0) {
  console.error(`not there: ${missing.join(', ')}. Without --trace the generated mixes alone are replayed.`);
  process.exitCode = 1;
} else main();

function main(): void {
  if (given.trace.length === 0) console.error('no --trace: the generated mixes alone');
  const replayed = replayAll(given.trace);
  console.log(hitRatioReport(replayed));
  if (given.json !== undefined) write(given.json, `${JSON.stringify(replayed, undefined, 2)}\n`);
  if (given.svg !== undefined) write(given.svg, hitRatioPlot(replayed));
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
