import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { compareAll } from '../bench/compare/compare-all.ts';
import { compareReport } from '../bench/compare/compare-report.ts';
import { writeResults } from '../bench/compare/compare-results.ts';
import { plotsOf } from '../bench/compare/plots.ts';
import { COMPARISONS } from '../bench/comparisons.ts';
import { EXIT, Failure } from './failure.ts';
import { type Io, note, printText } from './io.ts';
import { count, milliseconds } from './options.ts';
import { bar, openProgress } from './progress.ts';

interface CompareOptions {
  readonly rounds: number;
  readonly duration: number;
  readonly scale: number;
  readonly json?: string;
  readonly svg?: string;
  readonly profile?: string;
}

const NAMES = COMPARISONS.map(({ name }) => name);

export function registerBenchCompare(bench: Command, io: Io): void {
  bench
    .command('compare')
    .summary('measure paramd beside etcd, Valkey, PostgreSQL and the limit of gRPC on Node')
    .description(
      'Starts servers of its own in a temporary folder, loads them in turn, and prints what came of it beside the goals.',
    )
    .argument('[comparison...]', `${NAMES.join(', ')}; by default all`)
    .option('--rounds <count>', 'after one to warm up', count, 5)
    .addOption(new Option('--duration <duration>', 'of one round').argParser(milliseconds).default(2000, '2s'))
    .option(
      '--scale <share>',
      'of the numbers of parameters, revisions and watchers where these are the point',
      Number,
      1,
    )
    .option('--json <file>', 'every round, with machine, versions and commit; other comparisons stay in it')
    .option('--svg <folder>', 'plots')
    .option('--profile <folder>', 'leave a CPU profile of every replica')
    .addHelpText(
      'after',
      `
The load has processes of its own, on a core of its own where the system has \`taskset\`; all servers share another one.
The floor is a server of grpc-js that answers with a fixed buffer. etcd is found on PATH or by PARAMD_BENCH_ETCD; without
it the goals beside it are not measured. Where a call fails or a check does not hold there are no figures, and the exit
code is 1. All comparisons take about half an hour; size, resume and watchers most of it (--scale 0.01 is quick).

Examples:
  paramd bench compare get set
  paramd bench compare --json results.json --svg plots
  PARAMD_BENCH_ETCD=/opt/etcd/etcd paramd bench compare watch fanout --rounds 9`,
    )
    .action((names: string[], options: CompareOptions) => runCompare(io, names, options));
}

async function runCompare(io: Io, names: readonly string[], options: CompareOptions): Promise<void> {
  const unknown = names.find((name) => !NAMES.includes(name));
  if (unknown !== undefined) {
    throw new Failure(EXIT.usage, `there is no comparison ${unknown}; there are ${NAMES.join(', ')}`);
  }
  if (!(options.scale > 0)) throw new Failure(EXIT.usage, '--scale must be more than 0');
  const signal = io.interrupted();
  const progress = openProgress(io);
  const results = await compareAll(
    names.length === 0 ? COMPARISONS : COMPARISONS.filter((one) => names.includes(one.name)),
    {
      rounds: options.rounds,
      seconds: options.duration / 1000,
      scale: options.scale,
      profileFolder: options.profile === undefined ? undefined : resolve(options.profile),
      env: io.env,
      valkeyPackage: resolve('.paramd', 'valkey', 'package'),
      signal,
      log: (line) => note(io, line),
      progress: (what, share) => progress.show(() => `${bar(share)}  ${what}`),
    },
  ).catch((error) => {
    throw signal.aborted ? new Failure(EXIT.interrupted, '') : error;
  });
  progress.clear();
  if (options.json !== undefined) writeResults(options.json, results);
  if (options.svg !== undefined) writePlots(options.svg, plotsOf(results));
  await printText(io, `${compareReport(results, COMPARISONS)}\n`);
  const failed = results.filter(({ failure }) => failure !== undefined);
  for (const { name, failure } of failed) note(io, `${name}: ${failure}`);
  if (failed.length > 0) throw new Failure(EXIT.error, `no figures for ${failed.map(({ name }) => name).join(', ')}`);
}

function writePlots(folder: string, plots: Readonly<Record<string, string>>): void {
  mkdirSync(folder, { recursive: true });
  for (const [name, svg] of Object.entries(plots)) writeFileSync(join(folder, `${name}.svg`), svg);
}
