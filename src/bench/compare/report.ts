import { markdownTable } from '../markdown-table.ts';
import { cpuUsPerCall, type Figures, middle, ratio, shareOf } from './alternate.ts';

/** What the figures depend on beside the code. */
export interface Facts {
  readonly machine: string;
  readonly software: string;
  readonly durability: string;
  readonly course: string;
}

interface Row {
  readonly label: string;
  readonly peer: string;
  /** The tier that must have answered. */
  readonly tier?: string;
}

const READS: readonly Row[] = [
  { label: '**GetParameter, near cache**', peer: 'near cache', tier: 'near cache' },
  { label: '**GetParameter, shared cache**', peer: 'shared cache', tier: 'shared cache' },
  { label: '**GetParameter, store**', peer: 'store', tier: 'store' },
  { label: 'gRPC echo', peer: 'gRPC echo' },
  { label: 'iovalkey `GET`', peer: 'iovalkey GET' },
  { label: 'pg `SELECT`', peer: 'pg SELECT' },
];
const WRITES: readonly Row[] = [
  { label: '**SetParameter**', peer: 'SetParameter' },
  { label: 'pg `INSERT … ON CONFLICT`', peer: 'pg INSERT' },
  { label: 'gRPC echo', peer: 'gRPC echo of a write' },
];
const RATIOS: readonly (readonly [peer: string, other: string])[] = [
  ['near cache', 'gRPC echo'],
  ['near cache', 'iovalkey GET'],
  ['shared cache', 'gRPC echo'],
  ['shared cache', 'iovalkey GET'],
  ['store', 'gRPC echo'],
  ['store', 'pg SELECT'],
  ['SetParameter', 'pg INSERT'],
  ['SetParameter', 'gRPC echo of a write'],
];

/** In markdown. */
export function report(facts: Facts, figures: readonly Figures[]): string {
  const inFlight = [...new Set(figures.map((one) => one.inFlight))];
  const lines = Object.entries(facts).map(([name, fact]) => `- ${name}: ${fact}`);
  for (const [title, rows] of [
    ['Reads', READS],
    ['Writes', WRITES],
  ] as const) {
    for (const calls of inFlight) {
      const here = rows.filter(({ peer }) => find(figures, peer, calls) !== undefined);
      if (here.length > 0) lines.push('', `${title}, ${calls} in flight`, '', ...table(figures, here, calls));
    }
  }
  lines.push('', 'Calls per second against', '', ...ratios(figures, inFlight));
  return lines.join('\n');
}

function table(figures: readonly Figures[], rows: readonly Row[], calls: number): string[] {
  const tiers = rows.some(({ tier }) => tier !== undefined);
  const heading = ['', 'calls/s', 'p50', 'p99', 'server CPU per call', ...(tiers ? ['answered by that tier'] : [])];
  return markdownTable([
    heading,
    ...rows.map(({ label, peer, tier }) => {
      const one = find(figures, peer, calls)!;
      const cpuUs = cpuUsPerCall(one);
      return [
        label,
        thousands(middle(one, (round) => round.callsPerSecond)),
        `${middle(one, (round) => round.p50Ms).toFixed(2)} ms`,
        `${middle(one, (round) => round.p99Ms).toFixed(2)} ms`,
        cpuUs === undefined ? '' : `${cpuUs.toFixed(0)} µs`,
        ...(tiers ? [tier === undefined ? '' : `${(shareOf(one, tier) * 100).toFixed(2)} %`] : []),
      ];
    }),
  ]);
}

function ratios(figures: readonly Figures[], inFlight: readonly number[]): string[] {
  const rows = RATIOS.flatMap(([peer, other]) => {
    const cells = inFlight.map((calls) => {
      const [one, against] = [find(figures, peer, calls), find(figures, other, calls)];
      return one === undefined || against === undefined ? undefined : ratio(one, against).toFixed(2);
    });
    return cells.includes(undefined) ? [] : [[`${peer} / ${other.replace(' of a write', '')}`, ...cells.map(String)]];
  });
  return markdownTable([['', ...inFlight.map((calls) => `${calls} in flight`)], ...rows]);
}

function find(figures: readonly Figures[], peer: string, calls: number): Figures | undefined {
  return figures.find((one) => one.peer === peer && one.inFlight === calls);
}

function thousands(count: number): string {
  return Math.round(count).toLocaleString('en-US');
}
