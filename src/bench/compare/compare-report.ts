import { markdownTable } from '../markdown-table.ts';
import { median } from '../quantile.ts';
import type { Comparison, Figures } from './comparison.ts';
import type { Facts } from './facts.ts';
import { type Compared, LOAD_CPU_MAX } from './run-comparison.ts';
import type { Verdict } from './verdict.ts';

/** In markdown. */
export function compareReport(comparisons: readonly Compared[], known: readonly Comparison[]): string {
  const { shared } = apart(comparisons);
  return [
    ...factLines(shared),
    '',
    ...goalsTable(comparisons),
    ...comparisons.flatMap((one) => [
      '',
      `### ${one.title}`,
      '',
      ...section(one, known.find(({ name }) => name === one.name)!),
    ]),
  ].join('\n');
}

export function factLines(facts: Facts): string[] {
  return Object.entries(facts).map(([name, fact]) => `- ${name}: ${fact}`);
}

/** What all have in common, and by the name of each what only it has: they need not be of one run. */
export function apart(comparisons: readonly Compared[]): { shared: Facts; own: Readonly<Record<string, Facts>> } {
  const isShared = (name: string) => comparisons.every(({ facts }) => facts[name] === comparisons[0]!.facts[name]);
  const only = (facts: Facts, wanted: boolean) =>
    Object.fromEntries(Object.entries(facts).filter(([name]) => isShared(name) === wanted));
  return {
    shared: only(comparisons[0]?.facts ?? {}, true),
    own: Object.fromEntries(comparisons.map(({ name, facts }) => [name, only(facts, false)])),
  };
}

/** Each goal with what came of it. */
export function goalsTable(comparisons: readonly Compared[]): string[] {
  const rows = comparisons.flatMap(({ name, failure, verdicts }) =>
    failure === undefined
      ? verdicts.map((verdict) => [`${name}: ${verdict.title}`, verdict.goal, ...resultCells(verdict)])
      : [[name, '', 'no figures: a check failed', '', '']],
  );
  return markdownTable([['', 'goal', 'median', 'single rounds', ''], ...rows]);
}

/** A table of medians, a line for each series. */
export function section({ failure, rounds }: Compared, { columns }: Comparison): string[] {
  if (failure !== undefined) return [`No figures: ${failure}.`];
  const shown = columns.filter(({ figure }) => Object.values(rounds).some((some) => some[0]?.[figure] !== undefined));
  const lines = Object.entries(rounds).map(([series, some]) => [
    series,
    ...shown.map(({ figure, text }) => {
      const value = middle(some, figure);
      return value === undefined ? '' : text(value);
    }),
  ]);
  return [...markdownTable([['', ...shown.map(({ heading }) => heading)], ...lines]), ...warnings(rounds)];
}

function resultCells({ result }: Verdict): string[] {
  if (result === undefined) return ['not measured', '', ''];
  const { median: value, min, max, met } = result;
  return [figureText(value), `${figureText(min)} to ${figureText(max)}`, met ? 'met' : '**missed**'];
}

function warnings(rounds: Compared['rounds']): string[] {
  const busy = Object.entries(rounds).filter(([, some]) => (middle(some, 'loadCpu') ?? 0) > LOAD_CPU_MAX);
  if (busy.length === 0) return [];
  const names = busy.map(([series]) => series).join(', ');
  return ['', `The load was busy itself (${names}): these can do more than is shown.`];
}

function middle(rounds: readonly Figures[], figure: string): number | undefined {
  const values = rounds.flatMap((one) => one[figure] ?? []);
  return values.length === 0 ? undefined : median(values);
}

function figureText(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}
