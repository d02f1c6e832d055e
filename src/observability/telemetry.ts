import { Histogram as PromHistogram } from 'prom-client';
import { COUNTERS, type Counter, HISTOGRAMS, type Histogram, type Telemetry } from '../ports/telemetry.ts';
import type { OpenLogger } from './logger.ts';
import { exposeCounter, type Registry } from './registry.ts';

/** From 0.25 ms to 10 s. */
export const SECONDS_BUCKETS = [
  0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
/** Up to a day: the age classes of stale entries. */
const AGE_BUCKETS = [0.5, 1, 5, 10, 60, 300, 600, 3600, 86_400];
const COUNT_BUCKETS = [1, 2, 5, 10, 20, 50, 100, 200, 300];

/** Counters are plain numbers, read only when Prometheus asks: counting costs a hit next to nothing. */
export function createTelemetry({ logger, dropped }: OpenLogger, registry: Registry): Telemetry {
  const totals = Object.fromEntries(Object.keys(COUNTERS).map((name) => [name, 0])) as Record<Counter, number>;
  for (const [name, help] of Object.entries(COUNTERS)) {
    exposeCounter(registry, `paramd_${name}_total`, help, () => totals[name as Counter]);
  }
  exposeCounter(
    registry,
    'paramd_log_lines_dropped_total',
    'Lines lost because the reader of the log was slow',
    dropped,
  );
  const histograms = Object.fromEntries(
    Object.entries(HISTOGRAMS).map(([name, help]) => [name, createHistogram(registry, name, help)]),
  ) as Record<Histogram, PromHistogram>;

  return {
    add(counter, by = 1) {
      totals[counter] += by;
    },
    total: (counter) => totals[counter],
    observe(histogram, value) {
      // prom-client throws for what is no number; measuring must never fail its caller.
      if (Number.isFinite(value)) histograms[histogram].observe(value);
    },
    log(level, message, fields = {}) {
      logger[level](fields, message);
    },
  };
}

function createHistogram(registry: Registry, name: string, help: string): PromHistogram {
  return new PromHistogram({ name: `paramd_${name}`, help, buckets: bucketsOf(name), registers: [registry] });
}

function bucketsOf(name: string): number[] {
  if (name.endsWith('_age_seconds')) return AGE_BUCKETS;
  return name.endsWith('_seconds') ? SECONDS_BUCKETS : COUNT_BUCKETS;
}
