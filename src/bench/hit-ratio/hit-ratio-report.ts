import type { NearCachePolicy } from '../../core/cache/near-cache.ts';
import { markdownTable } from '../markdown-table.ts';
import { linePlot } from '../plot/line-plot.ts';
import type { HitRatio } from './hit-ratios.ts';

export interface Replayed {
  readonly load: string;
  readonly accesses: number;
  readonly figures: readonly HitRatio[];
}

/** In percent, in markdown: each load at each size, then the means over all of them, and how far each is from the best. */
export function hitRatioReport(replayed: readonly Replayed[]): string {
  const figures = replayed.flatMap((each) => each.figures);
  const policies = policiesOf(replayed);
  const rows = replayed.flatMap(({ load, figures }) =>
    figures.map(({ size, entries, optimum, ratios }) => [
      load,
      `${size * 100} %`,
      entries.toLocaleString('en'),
      ...policies.map((policy) => percent(ratios[policy]!)),
      percent(optimum),
    ]),
  );
  const means = policies.map((policy) => percent(mean(figures.map(({ ratios }) => ratios[policy]!))));
  const gaps = policies.map((policy) => percent(Math.max(...figures.map((each) => gap(each, policy)))));
  return markdownTable([
    ['load', 'size', 'entries', ...policies, 'optimum'],
    ...rows,
    ['**mean**', '', '', ...means, percent(mean(figures.map(({ optimum }) => optimum)))],
    ['behind the best policy at most', '', '', ...gaps, ''],
  ]).join('\n');
}

/** The mean over all loads, by size. */
export function hitRatioPlot(replayed: readonly Replayed[]): string {
  const sizes = replayed[0]!.figures.map(({ size }) => size);
  const points = (ratioOf: (figure: HitRatio) => number) =>
    sizes.map((size, at) => [size, mean(replayed.map(({ figures }) => ratioOf(figures[at]!)))] as const);
  return linePlot({
    title: 'Hit ratio by size of the near cache, mean of all loads',
    x: { label: 'entries, of all distinct keys', scale: 'log', text: (size) => `${size * 100} %` },
    y: { label: 'hits', scale: 'linear', range: [0, 1], text: (ratio) => `${Math.round(ratio * 100)} %` },
    series: [
      { name: 'optimum', points: points(({ optimum }) => optimum), dashed: true },
      ...policiesOf(replayed).map((name) => ({ name, points: points(({ ratios }) => ratios[name]!) })),
    ],
  });
}

function policiesOf(replayed: readonly Replayed[]): NearCachePolicy[] {
  return Object.keys(replayed[0]!.figures[0]!.ratios) as NearCachePolicy[];
}

function gap({ ratios }: HitRatio, policy: NearCachePolicy): number {
  return Math.max(...Object.values(ratios)) - ratios[policy]!;
}

function mean(numbers: readonly number[]): number {
  return numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
}

function percent(share: number): string {
  return (share * 100).toFixed(1);
}
