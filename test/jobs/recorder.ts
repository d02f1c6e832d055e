import type { Counter, Telemetry } from '../../src/ports/telemetry.ts';

export interface Recorder extends Telemetry {
  readonly logged: string[];
  readonly observed: string[];
}

/** Telemetry that remembers. */
export function recorder(): Recorder {
  const totals = new Map<Counter, number>();
  const logged: string[] = [];
  const observed: string[] = [];
  return {
    logged,
    observed,
    add: (counter, by = 1) => totals.set(counter, (totals.get(counter) ?? 0) + by),
    total: (counter) => totals.get(counter) ?? 0,
    observe: (histogram) => observed.push(histogram),
    log: (level, message) => logged.push(`${level} ${message}`),
  };
}

/** Asks again until it holds; the test's own timeout ends it. */
export async function eventually(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}
