import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { openRunFolder } from '../support/run-folder.ts';
import type { Fault } from './fault.ts';
import type { FaultResult } from './fault-result.ts';
import { FAULTS } from './faults.ts';
import { keepEvidence } from './keep-evidence.ts';
import { openResults, RESULTS_FILE } from './results.ts';
import { runFault } from './run-fault.ts';
import { FULL, SHORT } from './scale.ts';

const HELP = `npm run chaos -- [options]: breaks what paramd relies on, and checks what its clients see

  --only TEXT    only that group, or the faults whose name contains it
  --repeat N     each fault N times (1)
  --minutes N    again and again, as long as a round begins within N minutes
  --short        every fault in seconds, as in CI
  --seed N       decides what the traffic asks for (random)
  --json FILE    where the results go. By default to ${RESULTS_FILE}, if it is all faults at full length;
                 "npm run chaos:report" writes docs/reliability.md from that
  --append       adds to the file: goes on with a campaign that was ended
  --list         names the faults
`;

/** As shells tell of Ctrl-C. */
const INTERRUPTED = 130;
/** More than that spoils latencies. */
const PAUSE_TOLD_MS_MIN = 100;

const { values } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    repeat: { type: 'string', default: '1' },
    minutes: { type: 'string', default: '0' },
    seed: { type: 'string' },
    json: { type: 'string' },
    append: { type: 'boolean', default: false },
    short: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const chosen = choose(values.only);
  if (values.help) return tell(HELP, 0);
  if (values.list) return tell(chosen.map(({ name, group }) => `${group}: ${name}`).join('\n'), 0);
  if (chosen.length === 0) return tell(`no fault has "${values.only}" in its name; --list names them`, 2);
  const [repeat, minutes, seed] = [values.repeat, values.minutes, values.seed ?? String(randomInt(1e9))].map(Number);
  if (!(repeat! >= 1) || !(minutes! >= 0) || !Number.isInteger(seed)) return tell(HELP, 2);

  const folder = openRunFolder();
  // The replicas get the signal too, so the fault that is under way tells nothing any more. Results are written already.
  process.once('SIGINT', () => void folder.close().finally(() => process.exit(INTERRUPTED)));
  try {
    await folder.swept;
    const failed = await rounds(chosen, { repeat: repeat!, minutes: minutes!, seed: seed! });
    return failed > 0 ? 1 : 0;
  } finally {
    await folder.close();
  }
}

/** By the name of a group, else by a part of the names. */
function choose(text: string): readonly Fault[] {
  if (text === '') return FAULTS;
  const grouped = FAULTS.filter(({ group }) => group === text);
  return grouped.length > 0 ? grouped : FAULTS.filter(({ name }) => name.includes(text));
}

interface Rounds {
  readonly repeat: number;
  readonly minutes: number;
  readonly seed: number;
}

/** @returns how many runs failed */
async function rounds(faults: readonly Fault[], { repeat, minutes, seed }: Rounds): Promise<number> {
  const scale = values.short ? SHORT : FULL;
  const results = openResults(resultsFile(), { short: values.short, seed, append: values.append });
  const endMs = performance.now() + minutes * 60_000;
  const counts = { held: 0, failed: 0, 'not run': 0 };
  for (let round = 0; round < repeat || performance.now() < endMs; round++) {
    for (const [at, fault] of faults.entries()) {
      tell(`${round + 1}.${at + 1} of ${faults.length}: ${fault.name}`, 0);
      const options = { scale, seed: seed + round, tell: (line: string) => void tell(`      ${line}`, 0) };
      const { result, servers, evidence } = await runFault(fault, options);
      counts[result.outcome]++;
      tell(`   ${summary(result)}`, 0);
      for (const problem of result.problems) tell(`      ${problem}`, 0);
      if (result.outcome === 'failed') tell(`      what was recorded: ${keepEvidence(evidence)}`, 0);
      results.add(result, servers);
    }
  }
  tell(`${counts.held} held, ${counts.failed} failed, ${counts['not run']} not run; seed ${seed}`, 0);
  return counts.failed;
}

/** A part of the faults must not take the place of what is published. Undefined: nowhere. */
function resultsFile(): string | undefined {
  return values.json ?? (values.only === '' && !values.short ? RESULTS_FILE : undefined);
}

function summary({ outcome, durationMs, counts, metrics, pauseMsMax, turnedAway }: FaultResult): string {
  const seconds = (durationMs / 1000).toFixed(1);
  if (outcome === 'not run') return `not run`;
  const operations = `${counts.reads + counts.writes} operations, ${counts.watchEvents} events`;
  const converged = metrics === undefined ? '' : `, converged in ${(metrics.convergedMs / 1000).toFixed(1)} s`;
  const paused = pauseMsMax < PAUSE_TOLD_MS_MIN ? '' : `; we ourselves paused for ${pauseMsMax.toFixed(0)} ms`;
  const full = turnedAway === 0 ? '' : `; ${turnedAway} more calls found no room`;
  return `${outcome} in ${seconds} s: ${operations}${converged}${paused}${full}`;
}

function tell(text: string, code: number): number {
  console.log(text);
  return code;
}
