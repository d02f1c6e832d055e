import { ParamdRpcError } from '../client/index.ts';
import { closedLoop } from './closed-loop.ts';
import type { BenchNamespace, OpenWorkload } from './workload.ts';

export interface MeasureSettings {
  readonly durationMs: number;
  readonly inFlight: number;
  readonly signal: AbortSignal;
  /** Told now and then. */
  readonly onProgress: (calls: number, sinceMs: number) => void;
}

export interface Failures {
  readonly count: number;
  /** In words, the first of its kind. */
  readonly example: string;
}

export interface Measured {
  readonly workload: string;
  /** Undefined: with failures there are no figures, for a call that fails may be quick. */
  readonly figures: Figures | undefined;
  /** By kind. */
  readonly failures: ReadonlyMap<string, Failures>;
}

export interface Figures {
  readonly operations: number;
  readonly operationsPerSecond: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** Of the time measured, and at most so long: the first calls wait for a connection and a compiler. */
const WARM_UP_SHARE = 0.2;
const WARM_UP_MS_MAX = 1_000;
/** What fails so often will not get better. */
const FAILURES_MAX = 100;

export async function measure(
  open: OpenWorkload,
  namespace: BenchNamespace,
  settings: MeasureSettings,
): Promise<Measured> {
  const { durationMs, inFlight, signal, onProgress } = settings;
  const hopeless = new AbortController();
  const failures = countingFailures(() => hopeless.abort());
  const workload = await open(namespace, signal);
  const sinceMs = performance.now();
  let calls = 0;
  const loop = { inFlight, signal: AbortSignal.any([signal, hopeless.signal]), failed: failures.add };
  const call = (index: number) => {
    onProgress(calls++, sinceMs);
    return workload.call(index);
  };
  const warmUpMs = Math.min(durationMs * WARM_UP_SHARE, WARM_UP_MS_MAX);
  await closedLoop(call, { ...loop, durationMs: warmUpMs, firstIndex: 0 });
  const figures = await closedLoop(call, { ...loop, durationMs, firstIndex: calls });
  await workload.close?.().catch(failures.add);
  if (failures.byKind.size === 0 && figures.calls === 0) failures.add(new Error('no call was answered'));
  return {
    workload: workload.name,
    failures: failures.byKind,
    figures: failures.byKind.size > 0 ? undefined : figuresOf(figures),
  };
}

function figuresOf({ calls, tookMs, latencies }: Awaited<ReturnType<typeof closedLoop>>): Figures {
  return {
    operations: calls,
    operationsPerSecond: (calls / tookMs) * 1000,
    p50Ms: latencies.quantileMs(0.5),
    p95Ms: latencies.quantileMs(0.95),
    p99Ms: latencies.quantileMs(0.99),
    maxMs: latencies.maxMs,
  };
}

function countingFailures(tooMany: () => void) {
  const byKind = new Map<string, Failures>();
  let total = 0;
  return {
    byKind: byKind as ReadonlyMap<string, Failures>,
    add: (error: unknown): void => {
      const { message } = error as Error;
      const kind = error instanceof ParamdRpcError ? (error.reason ?? error.status) : message;
      byKind.set(kind, { count: (byKind.get(kind)?.count ?? 0) + 1, example: byKind.get(kind)?.example ?? message });
      total++;
      if (total >= FAILURES_MAX) tooMany();
    },
  };
}
