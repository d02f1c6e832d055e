import type { Goal, Term } from '../compare/comparison.ts';

/** A goal for the ratio of the same figure of two series. */
export function ratioOf(title: string, figure: string, of: string, against: readonly string[]): Omit<Goal, 'atLeast'> {
  const term = (series: string): Term => ({ series, figure });
  return { title, of: term(of), against: against.map(term) };
}
