// `node src/bench/hit-ratio/main.ts`: how many reads each policy of the near cache answers, beside the best that can be.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { NEAR_CACHE_POLICIES, type NearCachePolicy } from '../../core/cache/near-cache.ts';
import { hitRatioPlot, hitRatioReport, type Replayed } from './hit-ratio-report.ts';
import { hitRatios } from './hit-ratios.ts';
import { MIXES } from './mixes.ts';
import { readTrace } from './read-trace.ts';

const USAGE = `node src/bench/hit-ratio/main.ts [options]

  --trace <file>...   keys as big-endian 32-bit numbers, gzip (.u32be.gz), beside the generated mixes
  --json <file>       all figures
  --svg <file>        a plot of the means`;

const SIZES = [0.001, 0.01, 0.1];

const { values: given } = parseArgs({
  options: {
    trace: { type: 'string', multiple: true, default: [] },
    json: { type: 'string' },
    svg: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
});
const missing = given.trace.filter((file) => !existsSync(file));

if (given.help) console.log(USAGE);
else if (missing.length > 0) {
  console.error(`not there: ${missing.join(', ')}. Without --trace the generated mixes alone are replayed.`);
  process.exitCode = 1;
} else main();

function main(): void {
  if (given.trace.length === 0) console.error('no --trace: the generated mixes alone');
  const loads = [
    ...given.trace.map((file) => [basename(file, '.u32be.gz'), () => readTrace(readFileSync(file))] as const),
    ...Object.entries(MIXES),
  ];
  const policies = Object.keys(NEAR_CACHE_POLICIES) as NearCachePolicy[];
  const replayed: Replayed[] = loads.map(([load, read]) => {
    const accesses = read();
    return { load, accesses: accesses.length, figures: hitRatios(accesses, SIZES, policies) };
  });
  console.log(hitRatioReport(replayed));
  if (given.json !== undefined) write(given.json, `${JSON.stringify(replayed, undefined, 2)}\n`);
  if (given.svg !== undefined) write(given.svg, hitRatioPlot(replayed));
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
