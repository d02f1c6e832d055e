import type { Column } from '../compare/comparison.ts';

const ms = (value: number) => `${value.toFixed(value < 10 ? 3 : 1)} ms`;

export const whole = (value: number) => Math.round(value).toLocaleString('en');

/** Of loads of calls. */
export const CALL_COLUMNS: readonly Column[] = [
  { figure: 'perSecond', heading: 'per second', text: whole },
  { figure: 'p50Ms', heading: 'p50', text: ms },
  { figure: 'p99Ms', heading: 'p99', text: ms },
  { figure: 'serverCpuUs', heading: 'server CPU each', text: (us) => `${us.toFixed(1)} µs` },
  ...['near cache', 'shared cache', 'store'].map((tier) => ({
    figure: tier,
    heading: `from ${tier}`,
    text: (share: number) => `${(share * 100).toFixed(2)} %`,
  })),
  { figure: 'loadCpu', heading: 'load CPU', text: (share) => `${Math.round(share * 100)} %` },
];

export function mebibytes(figure: string, heading: string): Column {
  return { figure, heading, text: (value) => `${Math.round(value)} MiB` };
}
