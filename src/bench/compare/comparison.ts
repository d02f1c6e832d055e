import type { PackedHistogram } from '../load/latency-histogram.ts';
import type { World } from './world.ts';

/** What is measured side by side: its series take turns, round by round. */
export interface Comparison {
  readonly name: string;
  /** In a few words, for the heading. */
  readonly title: string;
  readonly goals: readonly Goal[];
  /** The figures that the table shows, with their headings. */
  readonly columns: readonly Column[];
  /** At most so many, where the rounds are few because each is long. */
  readonly rounds?: number;
  /** For a plot of them: all latencies are kept beside the figures. */
  readonly keepsLatencies?: boolean;
  open(world: World): Promise<readonly Series[]>;
}

export interface Series {
  readonly name: string;
  /** @throws ChecksFailed: then there are no figures */
  round(seconds: number): Promise<Figures>;
  /** Of all rounds so far, the warm-up included. */
  latencies?(): PackedHistogram;
}

/** By name: perSecond, p50Ms … */
export type Figures = Readonly<Record<string, number>>;

export interface Column {
  readonly figure: string;
  readonly heading: string;
  readonly text: (value: number) => string;
}

/** The median over all rounds of a figure, or of its ratio to the sum of others of the same round, within its bounds. */
export interface Goal {
  readonly title: string;
  readonly of: Term;
  readonly against?: readonly Term[];
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Of the bound, if it is no ratio. */
  readonly unit?: string;
}

export interface Term {
  readonly series: string;
  readonly figure: string;
}
