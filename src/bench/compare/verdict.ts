import { median } from '../quantile.ts';
import type { Figures, Goal, Term } from './comparison.ts';

/** All rounds of each series, by its name. */
export type Rounds = Readonly<Record<string, readonly Figures[]>>;

export interface Verdict {
  readonly title: string;
  /** "≥ 1 ×" */
  readonly goal: string;
  /** Undefined: one of the series, or of its figures, was not there. */
  readonly result: Result | undefined;
}

export interface Result {
  readonly median: number;
  /** Of single rounds. */
  readonly min: number;
  readonly max: number;
  readonly met: boolean;
}

export function verdictOf(goal: Goal, rounds: Rounds): Verdict {
  const { title, of, against, atLeast, atMost } = goal;
  const terms = [of, ...(against ?? [])];
  const told = { title, goal: goalText(goal) };
  if (terms.some(({ series, figure }) => rounds[series]?.[0]?.[figure] === undefined)) {
    return { ...told, result: undefined };
  }
  const count = Math.min(...terms.map(({ series }) => rounds[series]!.length));
  const values = Array.from({ length: count }, (_, round) => {
    const value = figureOf(rounds, of, round);
    return against === undefined ? value : value / sum(against.map((term) => figureOf(rounds, term, round)));
  });
  const middle = median(values);
  const met = middle >= (atLeast ?? Number.NEGATIVE_INFINITY) && middle <= (atMost ?? Number.POSITIVE_INFINITY);
  return { ...told, result: { median: middle, min: Math.min(...values), max: Math.max(...values), met } };
}

export function goalText({ atLeast, atMost, against, unit }: Goal): string {
  const [least, most] = [atLeast?.toLocaleString('en'), atMost?.toLocaleString('en')];
  const bounds = least === undefined ? `≤ ${most}` : most === undefined ? `≥ ${least}` : `${least} to ${most}`;
  return `${bounds}${against === undefined ? (unit === undefined ? '' : ` ${unit}`) : ' ×'}`;
}

function figureOf(rounds: Rounds, { series, figure }: Term, round: number): number {
  return rounds[series]![round]![figure]!;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
