import { quantile } from '../../src/bench/quantile.ts';
import type { Calls, Phase } from './metrics.ts';
import type { MeasuredCall } from './recorder.ts';

export interface Moments {
  readonly startMs: number;
  readonly injectMs: number;
  readonly healedMs: number;
  readonly endMs: number;
}

/** A call that any part of the fault saw belongs to the fault. */
export function phasesOf(
  calls: readonly MeasuredCall[],
  moments: Moments,
): Record<'baseline' | 'fault' | 'healed', Phase> {
  const { startMs, injectMs, healedMs, endMs } = moments;
  const before = calls.filter(({ callMs, returnMs }) => callMs >= startMs && returnMs < injectMs);
  const after = calls.filter(({ callMs }) => callMs >= healedMs);
  const during = calls.filter(({ callMs, returnMs }) => returnMs >= injectMs && callMs < healedMs);
  return {
    baseline: phaseOf(before, startMs, injectMs),
    fault: phaseOf(during, injectMs, healedMs),
    healed: phaseOf(after, healedMs, endMs),
  };
}

function phaseOf(calls: readonly MeasuredCall[], startMs: number, endMs: number): Phase {
  return {
    startMs,
    endMs,
    reads: callsOf(calls.filter(({ type }) => type === 'read')),
    writes: callsOf(calls.filter(({ type }) => type === 'write')),
    degraded: calls.filter(({ degraded }) => degraded).length,
  };
}

function callsOf(calls: readonly MeasuredCall[]): Calls {
  const succeeded = calls.filter(({ failure }) => failure === undefined);
  const failures: Record<string, number> = {};
  for (const { failure } of calls) if (failure !== undefined) failures[failure] = (failures[failure] ?? 0) + 1;
  const sorted = succeeded.map(({ callMs, returnMs }) => returnMs - callMs).sort((one, other) => one - other);
  return {
    count: calls.length,
    succeeded: succeeded.length,
    p50Ms: quantile(sorted, 0.5),
    p99Ms: quantile(sorted, 0.99),
    failures,
  };
}
