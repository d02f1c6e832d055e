import type { PackedHistogram } from '../load/latency-histogram.ts';
import type { Comparison, Figures, Series } from './comparison.ts';
import type { Facts } from './facts.ts';
import { ChecksFailed } from './load-series.ts';
import { type Verdict, verdictOf } from './verdict.ts';
import { type WorldSettings, withWorld } from './world.ts';

export interface Course {
  /** After one to warm up. */
  readonly rounds: number;
  /** Of one round. */
  readonly seconds: number;
  /** Told what is being done, and how much of it all. */
  readonly progress: (what: string, share: number) => void;
}

/** All that is known of one comparison, for a file or a report. */
export interface Compared {
  readonly name: string;
  readonly title: string;
  readonly facts: Facts;
  /** Why there are no figures. */
  readonly failure: string | undefined;
  readonly verdicts: readonly Verdict[];
  /** By series. */
  readonly rounds: Readonly<Record<string, readonly Figures[]>>;
  /** Of all rounds together, where a plot needs them. */
  readonly latencies: Readonly<Record<string, PackedHistogram>>;
}

/** Above this the load may be what was measured. */
export const LOAD_CPU_MAX = 0.9;

/** Series take turns in short rounds, so that whatever else the machine does strikes all alike. */
export async function runComparison(
  comparison: Comparison,
  settings: WorldSettings,
  course: Course,
  facts: Facts,
): Promise<Compared> {
  const { name, title, goals } = comparison;
  const { signal } = settings;
  const nothing = { name, title, facts, verdicts: [], rounds: {}, latencies: {} };
  course.progress(`${name}: starting servers`, 0);
  try {
    return await withWorld(settings, async (world) => {
      const series = await comparison.open(world);
      const rounds = await alternate(series, comparison, course, signal);
      const latencies = Object.fromEntries(
        series.flatMap(({ name, latencies }) =>
          comparison.keepsLatencies && latencies !== undefined ? [[name, latencies()]] : [],
        ),
      );
      const verdicts = goals.map((goal) => verdictOf(goal, rounds));
      return { ...nothing, failure: undefined, verdicts, rounds, latencies };
    });
  } catch (error) {
    if (signal.aborted || !(error instanceof ChecksFailed)) throw error;
    return { ...nothing, failure: error.message };
  }
}

async function alternate(
  series: readonly Series[],
  { name, rounds: wanted }: Comparison,
  { rounds: usual, seconds, progress }: Course,
  signal: AbortSignal,
): Promise<Record<string, Figures[]>> {
  const rounds = Math.min(usual, wanted ?? usual);
  const figures: Record<string, Figures[]> = Object.fromEntries(series.map((one) => [one.name, []]));
  for (let round = -1; round < rounds; round++) {
    for (const [at, one] of series.entries()) {
      signal.throwIfAborted();
      const done = ((round + 1) * series.length + at) / ((rounds + 1) * series.length);
      progress(`${name}: ${one.name}, ${round < 0 ? 'warming up' : `round ${round + 1} of ${rounds}`}`, done);
      const result = await one.round(seconds);
      if (round >= 0) figures[one.name]!.push(result);
    }
  }
  return figures;
}
