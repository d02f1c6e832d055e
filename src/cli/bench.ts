import { type Command, InvalidArgumentError, Option } from 'commander';
import { type Measured, measure } from '../bench/measure.ts';
import { claimNamespace, ForeignParameters, fillNamespace, removeNamespace } from '../bench/namespace.ts';
import type { BenchNamespace } from '../bench/workload.ts';
import { WORKLOADS } from '../bench/workloads.ts';
import type { ParamdClient } from '../client/index.ts';
import { registerBenchCompare } from './bench-compare.ts';
import { registerBenchHitRatio } from './bench-hit-ratio.ts';
import { type ConnectionOptions, withClient, withConnection } from './connection.ts';
import { EXIT, Failure } from './failure.ts';
import { type Io, note, print } from './io.ts';
import { count, milliseconds, type Output } from './options.ts';
import { openProgress, type Progress, rate } from './progress.ts';
import { columns, paint } from './render.ts';

interface BenchOptions extends ConnectionOptions {
  readonly output: Output;
  readonly duration: number;
  readonly concurrency: number;
  readonly keys: number;
  readonly valueBytes: number;
  readonly batch: number;
  readonly prefix: string;
  readonly keep?: boolean;
}

const NAMES = Object.keys(WORKLOADS);
const BATCH_MAX = 1000;
const VALUE_BYTES_MAX = 1 << 20;

export function registerBench(program: Command, io: Io): void {
  const command = program
    .command('bench')
    .summary('measure a running server')
    .description(
      'Loads a server with one kind of call after the other, from this process, and prints what came of it. It works on parameters of its own, which it puts there and removes.',
    )
    .argument('[workload...]', `${NAMES.join(', ')}; by default all`)
    .addOption(durationOption())
    .option('--concurrency <count>', 'calls in flight', count, 16)
    .option('--keys <count>', 'parameters to work on', count, 1000)
    .option('--value-bytes <count>', 'size of each value', upTo(VALUE_BYTES_MAX), 100)
    .option('--batch <count>', 'keys in one batch, page or commit (a commit takes at most 300)', upTo(BATCH_MAX), 100)
    .option('--prefix <prefix>', 'where to put them; it must hold nothing else', 'bench:')
    .option('--keep', 'leave them there')
    .addOption(outputOption());
  withConnection(command)
    .addHelpText(
      'after',
      `
A closed loop: each call in flight begins when the one before it has its answer. The client takes part of the time, so
that a server on the same machine can do more than is shown. Every answer is checked. watch is a set until its event has
come to a watch; events must come once each and in order. Where a call fails there is no figure, and the exit code is 1.

Examples:
  paramd bench
  paramd bench get set --duration 30s --concurrency 64
  paramd bench watch --concurrency 1
  paramd bench batch --batch 1000 --keys 10000 -o json`,
    )
    .action((names: string[], options: BenchOptions) => {
      const unknown = names.find((name) => !NAMES.includes(name));
      if (unknown !== undefined) {
        throw new Failure(EXIT.usage, `there is no workload ${unknown}; there are ${NAMES.join(', ')}`);
      }
      if (options.prefix === '') throw new Failure(EXIT.usage, '--prefix must not be empty');
      const chosen = names.length === 0 ? NAMES : names;
      return withClient(io, options, (client, signal) => runBench(io, client, chosen, options, signal));
    });
  registerBenchCompare(command, io);
  registerBenchHitRatio(command, io);
}

async function runBench(
  io: Io,
  client: ParamdClient,
  names: readonly string[],
  options: BenchOptions,
  signal: AbortSignal,
): Promise<void> {
  const { prefix, keys: countOfKeys, valueBytes, batch, keep } = options;
  const progress = openProgress(io);
  const measured: Measured[] = [];
  await claimNamespace(client, prefix, signal).catch((error) => {
    throw error instanceof ForeignParameters ? new Failure(EXIT.usage, error.message, { cause: error }) : error;
  });
  try {
    progress.show(() => `filling ${prefix}`);
    const keys = await fillNamespace(client, { prefix, count: countOfKeys, valueBytes }, signal);
    const namespace: BenchNamespace = { client, prefix, keys, valueBytes, batch };
    for (const name of names) {
      const one = await measureShown(name, namespace, options, signal, progress);
      if (signal.aborted) break;
      measured.push(one);
      if (options.output === 'json') await print(io, JSON.stringify(jsonOf(one, options)));
    }
  } finally {
    progress.clear();
    if (!keep) await removeNamespace(client, prefix).catch((error) => noteLeft(io, prefix, error));
  }
  if (options.output === 'text' && measured.length > 0) await printTable(io, measured, options);
  if (signal.aborted) throw new Failure(EXIT.interrupted, '');
  failIfAny(io, measured);
}

function measureShown(
  name: string,
  namespace: BenchNamespace,
  { duration, concurrency }: BenchOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Measured> {
  return measure(WORKLOADS[name]!, namespace, {
    durationMs: duration,
    inFlight: concurrency,
    signal,
    onProgress: (calls, sinceMs) =>
      progress.show(() => {
        const seconds = Math.floor((performance.now() - sinceMs) / 1000);
        return `${name}  ${seconds} s  ${calls.toLocaleString('en')} calls  ${rate(calls, sinceMs)}`;
      }),
  });
}

async function printTable(io: Io, measured: readonly Measured[], options: BenchOptions): Promise<void> {
  const { duration, concurrency, keys, valueBytes } = options;
  const cells = [['WORKLOAD', 'OPERATIONS/S', 'P50', 'P95', 'P99', 'MAX', 'ERRORS'], ...measured.map(cellsOf)];
  const widths = cells[0]!.map((_, i) => Math.max(...cells.map((row) => row[i]!.length)));
  const [first = '', ...rest] = columns(
    cells.map((row) => row.map((cell, i) => (i === 0 ? cell : cell.padStart(widths[i]!)))),
  );
  await print(io, paint(io, 'bold', first));
  for (const line of rest) await print(io, line);
  note(
    io,
    `${concurrency} in flight, ${duration / 1000} s each, ${keys} parameters of ${valueBytes} bytes, one client process`,
  );
}

function cellsOf({ workload, figures, failures }: Measured): string[] {
  if (figures === undefined) return [workload, '-', '-', '-', '-', '-', String(total(failures))];
  const { operationsPerSecond, p50Ms, p95Ms, p99Ms, maxMs } = figures;
  const times = [p50Ms, p95Ms, p99Ms, maxMs].map((ms) => `${ms.toFixed(2)} ms`);
  return [workload, Math.round(operationsPerSecond).toLocaleString('en'), ...times, '0'];
}

/** For programs: all that the figures depend on is in the line. */
function jsonOf({ workload, figures, failures }: Measured, options: BenchOptions) {
  const { duration, concurrency, keys, valueBytes } = options;
  const errors = [...failures].map(([kind, { count, example }]) => ({ kind, count, example }));
  return { workload, concurrency, seconds: duration / 1000, keys, valueBytes, ...figures, errors };
}

/** @throws Failure */
function failIfAny(io: Io, measured: readonly Measured[]): void {
  const failed = measured.filter(({ failures }) => failures.size > 0);
  for (const { workload, failures } of failed) {
    for (const { count, example } of failures.values()) note(io, `${workload}: ${count} × ${example}`);
  }
  if (failed.length > 0) {
    throw new Failure(EXIT.error, `no figures for ${failed.map(({ workload }) => workload).join(', ')}: calls failed`);
  }
}

function noteLeft(io: Io, prefix: string, error: unknown): void {
  const way = `remove them by \`paramd rm --prefix ${prefix}\`, or the next run does`;
  note(io, `the parameters under ${prefix} are still there (${(error as Error).message}); ${way}`);
}

function total(failures: Measured['failures']): number {
  return [...failures.values()].reduce((sum, { count }) => sum + count, 0);
}

function durationOption(): Option {
  return new Option('--duration <duration>', 'of each workload, after a short warm-up')
    .argParser(milliseconds)
    .default(10_000, '10s');
}

function outputOption(): Option {
  const option = new Option('-o, --output <format>', 'text, or JSON, a line for each workload');
  return option.choices(['text', 'json']).default('text');
}

function upTo(maximum: number): (text: string) => number {
  return (text) => {
    const value = count(text);
    if (value > maximum) throw new InvalidArgumentError(`It must be at most ${maximum}.`);
    return value;
  };
}
