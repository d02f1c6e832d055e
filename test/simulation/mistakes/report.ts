// `node test/simulation/mistakes/report.ts`: within how many seeds does the simulation find each mistake? With --json FILE
// also for the documentation; with names only those. One seed decides everything, so the figures are the same again.
import { writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { markdownTable } from '../../../src/bench/markdown-table.ts';
import { huntMistake } from './catch-mistake.ts';
import type { Hunted } from './hunt.ts';
import { filesOf, type Mistake } from './mistake.ts';
import { MISTAKES, mistakeNamed } from './mistakes.ts';

export interface MistakesReport {
  readonly mistakes: readonly ReportedMistake[];
  /** Without any mistake, over as many seeds as the hardest to catch took: what is caught is the mistake and nothing else. */
  readonly without: Catch;
}

export interface ReportedMistake extends Catch {
  readonly name: string;
  readonly slip: string;
  /** Promises that it breaks. */
  readonly breaks: readonly string[];
  /** Below src/. */
  readonly files: readonly string[];
}

export interface Catch {
  /** Simulated until something was caught; if nothing was, all that were. */
  readonly seeds: number;
  /** By which check of which promise; null: nothing was. */
  readonly caught: { readonly promise: string; readonly kind: string } | null;
}

export interface ReportOptions {
  readonly mistakes: readonly Mistake[];
  readonly seedsMax: number;
  readonly secondsMax: number;
  /** Processes at once. */
  readonly jobs: number;
  /** Is told each as it is known. */
  readonly tell: (line: string) => void;
}

/** So many without a mistake at least. */
const SEEDS_WITHOUT_MIN = 200;

export async function reportMistakes(options: ReportOptions): Promise<MistakesReport> {
  const { mistakes, seedsMax, secondsMax, jobs, tell } = options;
  const bounds = { firstSeed: 1, seedsMax, secondsMax };
  const reported = new Map<Mistake, ReportedMistake>();
  const left = [...mistakes];
  const work = async () => {
    for (let mistake = left.shift(); mistake !== undefined; mistake = left.shift()) {
      const hunted = await huntMistake(mistake.name, bounds);
      reported.set(mistake, reportOf(mistake, hunted));
      tell(`${hunted.seconds.toFixed(1).padStart(6)} s  ${mistake.name}: ${describe(hunted)}`);
    }
  };
  await Promise.all(Array.from({ length: jobs }, work));
  const most = Math.max(SEEDS_WITHOUT_MIN, ...[...reported.values()].map(({ caught, seeds }) => (caught ? seeds : 0)));
  const without = await huntMistake(undefined, { ...bounds, seedsMax: most, secondsMax: Number.POSITIVE_INFINITY });
  tell(`${without.seconds.toFixed(1).padStart(6)} s  without any mistake: ${describe(without)}`);
  return { mistakes: mistakes.map((mistake) => reported.get(mistake)!), without: catchOf(without) };
}

function reportOf(mistake: Mistake, hunted: Hunted): ReportedMistake {
  const { name, slip, breaks } = mistake;
  return { name, slip, breaks, files: filesOf(mistake), ...catchOf(hunted) };
}

function catchOf({ seeds, violation }: Hunted): Catch {
  return { seeds, caught: violation === undefined ? null : { promise: violation.promise, kind: violation.kind } };
}

function describe({ seeds, violation }: Hunted): string {
  if (violation === undefined) return `nothing in ${seeds} seeds`;
  return `seed ${seeds}: ${violation.promise} ${violation.kind}: ${violation.message}`;
}

export function tableOf({ mistakes, without }: MistakesReport): string[] {
  const row = (name: string, breaks: readonly string[], { seeds, caught }: Catch) => {
    return [name, breaks.join(', '), String(seeds), caught === null ? '' : `${caught.promise} ${caught.kind}`.trim()];
  };
  const rows = mistakes.map((mistake) => row(mistake.name, mistake.breaks, mistake));
  return markdownTable([['Mistake', 'Breaks', 'Seeds', 'Caught by'], ...rows, row('(none)', [], without)]);
}

/** As the formatter of this project would have it: what fits is on one line. */
function jsonOf(report: MistakesReport): string {
  const json = JSON.stringify(report, null, 2);
  const list = /\[\n\s+("[^[\]{}]*")\n\s+\]/g;
  return `${json.replace(list, (_list, items: string) => `[${items.replace(/\n\s+/g, ' ')}]`)}\n`;
}

/** @returns the exit code */
export async function main(parameters: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...parameters],
    allowPositionals: true,
    options: {
      json: { type: 'string' },
      seeds: { type: 'string', default: '20000' },
      seconds: { type: 'string', default: '60' },
      jobs: { type: 'string', default: String(availableParallelism()) },
    },
  });
  const report = await reportMistakes({
    mistakes: positionals.length === 0 ? MISTAKES : positionals.map(mistakeNamed),
    seedsMax: Number(values.seeds),
    secondsMax: Number(values.seconds),
    jobs: Number(values.jobs),
    tell: (line) => console.log(line),
  });
  for (const line of ['', ...tableOf(report)]) console.log(line);
  if (values.json !== undefined) writeFileSync(values.json, jsonOf(report));
  return report.mistakes.every(({ caught }) => caught !== null) && report.without.caught === null ? 0 : 1;
}

if (import.meta.main) process.exitCode = await main(process.argv.slice(2));
