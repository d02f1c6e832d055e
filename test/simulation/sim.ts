// npm run sim -- --seeds 100000 --from 1 --jobs 2 [--steps 100] [--trace] [--json FILE]
// Simulates one seed after the other, and tells which of them broke the contract and how to see it again.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import type { CampaignResult } from './campaign-result.ts';
import type { Simulated } from './sim-worker.ts';
import { simulate } from './simulate.ts';
import { tellFailure } from './tell-failure.ts';

const PROGRESS_MS = 5000;
/** Of so many failures the story is told. */
const TOLD_MAX = 3;

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '2' },
    steps: { type: 'string' },
    trace: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
});
const seeds = wholeNumber('seeds', values.seeds);
const from = wholeNumber('from', values.from);
const jobs = wholeNumber('jobs', values.jobs);
const steps = values.steps === undefined ? undefined : wholeNumber('steps', values.steps);
process.exitCode = values.trace ? await traceAll() : await campaign();

async function traceAll(): Promise<number> {
  let failures = 0;
  for (let seed = from; seed < from + seeds; seed++) {
    const { violations } = await simulate(seed, { trace: (line) => console.log(line), ...(steps && { steps }) });
    for (const { promise, kind, message } of violations) console.log(`${promise} ${kind}: ${message}`);
    if (violations.length > 0) failures += 1;
  }
  return failures === 0 ? 0 : 1;
}

async function campaign(): Promise<number> {
  const startedAtMs = performance.now();
  const failed: Simulated[] = [];
  let done = 0;
  let operations = 0;
  let watchEvents = 0;
  let faults = 0;
  let epochs = 0;
  let next = from;
  const tell = () => {
    const seconds = (performance.now() - startedAtMs) / 1000;
    const rate = (done / seconds).toFixed(0);
    console.log(`${done} of ${seeds} seeds, ${rate} seeds/s, ${operations} operations, ${failed.length} failed`);
  };
  const progress = setInterval(tell, PROGRESS_MS);
  const work = async () => {
    const worker = new Worker(new URL('./sim-worker.ts', import.meta.url));
    const broken = new Promise<never>((_resolve, reject) => worker.once('error', reject));
    while (next < from + seeds) {
      const seed = next++;
      const answer = new Promise<Simulated>((resolve) => worker.once('message', resolve));
      worker.postMessage({ seed, steps });
      const simulated = await Promise.race([answer, broken]).catch((error: unknown) => {
        throw new Error(`seed ${seed} ended its worker`, { cause: error });
      });
      done += 1;
      operations += simulated.operations;
      watchEvents += simulated.counts.watchEvents;
      faults += simulated.counts.faults;
      epochs += simulated.counts.epochs;
      if (simulated.violations.length === 0) continue;
      failed.push(simulated);
      const { promise, kind } = simulated.violations[0]!;
      console.log(`seed ${seed} failed: ${promise} ${kind}`);
    }
    await worker.terminate();
  };
  try {
    await Promise.all(Array.from({ length: jobs }, work));
  } finally {
    clearInterval(progress);
  }
  tell();
  const violations = failed.reduce((sum, simulated) => sum + simulated.violations.length, 0);
  const command = `npm run sim -- --from ${from} --seeds ${seeds}${steps === undefined ? '' : ` --steps ${steps}`}`;
  const result = { command, seeds, operations, watchEvents, faults, epochs, violations };
  if (values.json !== undefined) save(values.json, { ...result, failed: failed.map(({ seed }) => seed) });
  for (const each of failed.slice(0, TOLD_MAX)) console.log(`\n${await tellFailure(each.seed, each.violations)}`);
  return failed.length === 0 ? 0 : 1;
}

function save(file: string, result: CampaignResult): void {
  writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
}

function wholeNumber(name: string, text: string): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= 1) return number;
  console.error(`--${name} must be a whole number from 1, not ${JSON.stringify(text)}`);
  process.exit(2);
}
