import { markdownTable } from '../markdown-table.ts';
import { median, quantile } from '../quantile.ts';
import type { ReadCost } from './read-cost.ts';
import type { RetainedBytes } from './retained-bytes.ts';

export interface NearCacheFigures {
  readonly parameters: number;
  readonly machine: string;
  readonly course: string;
  readonly many: ReadCost;
  readonly one: ReadCost;
  readonly bytes: readonly RetainedBytes[];
  readonly serverStartsMs: readonly number[];
  readonly progressCalls: number;
  readonly snapshotStartsMs: readonly number[];
  /** CPU time of the server for one more idle cache, in microseconds of each second. */
  readonly idleUsPerSecond: readonly number[];
  readonly idleCaches: number;
}

/** In markdown. */
export function nearCacheReport(figures: NearCacheFigures): string {
  const { parameters, many, one, bytes, idleCaches } = figures;
  const count = parameters.toLocaleString('en');
  const cacheBytes = bytes.map((each) => each.cachePerParameter);
  const mapBytes = bytes.map((each) => each.mapPerParameter);
  const beside = [
    ['', 'near cache', 'plain `Map`', 'ratio'],
    readRow(`\`number()\`, ${count} keys in random order`, many),
    readRow('`number()`, one key', one),
    row('memory per parameter', cacheBytes, mapBytes, (n) => `${n.toFixed(0)} bytes`),
  ];
  const alone = [
    ['', 'median', 'from', 'to'],
    timesRow(`start with ${count} parameters, from a server`, figures.serverStartsMs, (ms) => `${ms.toFixed(0)} ms`),
    timesRow(
      `start with ${count} parameters, from the snapshot file`,
      figures.snapshotStartsMs,
      (ms) => `${ms.toFixed(0)} ms`,
    ),
    timesRow(
      "server's CPU for each further idle cache, per second",
      figures.idleUsPerSecond,
      (us) => `${us.toFixed(0)} µs`,
    ),
  ];
  return [
    `- machine: ${figures.machine}`,
    `- ${figures.course}; ${idleCaches} idle caches; progress was told ${figures.progressCalls} times in a start`,
    '',
    ...markdownTable(beside),
    '',
    ...markdownTable(alone),
  ].join('\n');
}

function readRow(label: string, { cacheNs, mapNs }: ReadCost): string[] {
  return row(label, cacheNs, mapNs, (ns) => `${ns.toFixed(1)} ns`);
}

/** The ratio of every round, its median, and where nine tenths of the rounds are. */
function row(label: string, cache: readonly number[], map: readonly number[], text: (n: number) => string): string[] {
  const ratios = cache.map((n, i) => n / map[i]!).sort((a, b) => a - b);
  const spread = `${quantile(ratios, 0.05).toFixed(2)} to ${quantile(ratios, 0.95).toFixed(2)}`;
  return [label, text(median(cache)), text(median(map)), `${median(ratios).toFixed(2)} (${spread})`];
}

function timesRow(label: string, times: readonly number[], text: (n: number) => string): string[] {
  return [label, text(median(times)), text(Math.min(...times)), text(Math.max(...times))];
}
