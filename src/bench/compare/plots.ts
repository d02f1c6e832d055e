import { LatencyHistogram } from '../load/latency-histogram.ts';
import { linePlot } from '../plot/line-plot.ts';
import { median } from '../quantile.ts';
import type { Compared } from './run-comparison.ts';

/** SVG by the name of its comparison, of those that have one. */
export function plotsOf(comparisons: readonly Compared[]): Record<string, string> {
  return Object.fromEntries(
    comparisons.flatMap((one) => {
      const plot = PLOTS[one.name];
      return plot === undefined || one.failure !== undefined ? [] : [[one.name, plot(one)]];
    }),
  );
}

const PLOTS: Readonly<Record<string, (compared: Compared) => string>> = {
  watch: watchPlot,
  rising: risingPlot,
  size: sizePlot,
};

function watchPlot({ latencies }: Compared): string {
  const rarities = [2, 5, 10, 20, 50, 100, 200, 500, 1000];
  return linePlot({
    title: 'From a write to its event',
    x: { label: 'one in so many takes at least so long', scale: 'log' },
    y: { label: 'ms', scale: 'linear' },
    series: Object.entries(latencies).map(([name, packed]) => {
      const histogram = LatencyHistogram.of(packed);
      return { name, points: rarities.map((rarity) => [rarity, histogram.quantileMs(1 - 1 / rarity)] as const) };
    }),
  });
}

function risingPlot({ rounds }: Compared): string {
  const line = (peer: string, figure: 'p50Ms' | 'p99Ms') => ({
    name: `${peer}, ${figure === 'p50Ms' ? 'p50' : 'p99'}`,
    dashed: figure === 'p50Ms',
    points: Object.entries(rounds)
      .filter(([series]) => series.startsWith(`${peer} at `))
      .map(([, some]) => [middle(some, 'perSecond'), middle(some, figure)] as const),
  });
  return linePlot({
    title: 'Latency of GetParameter under rising load',
    x: { label: 'calls per second', scale: 'linear', text: (value) => `${value / 1000} k` },
    y: { label: 'ms', scale: 'log' },
    series: (['paramd', 'floor'] as const).flatMap((peer) => [line(peer, 'p99Ms'), line(peer, 'p50Ms')]),
  });
}

function sizePlot({ rounds }: Compared): string {
  const line = (what: string) => ({
    name: what,
    points: Object.entries(rounds)
      .filter(([series]) => series.startsWith(`${what} of `))
      .map(([, some]) => [middle(some, 'parameters'), middle(some, 'msEach') * 1000] as const),
  });
  return linePlot({
    title: 'Cost by number of parameters',
    x: { label: 'parameters', scale: 'log', text: (value) => value.toLocaleString('en') },
    y: { label: 'µs each', scale: 'linear' },
    series: [line('get'), line('list')],
  });
}

function middle(rounds: Compared['rounds'][string], figure: string): number {
  return median(rounds.map((round) => round[figure] ?? Number.NaN));
}
