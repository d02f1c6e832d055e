import type { CheckContext } from './check-context.ts';
import { ms } from './describe.ts';
import type { FaultWindow, Operation } from './history.ts';

/** A run that asked for little has shown little: it fails. */
export function checkTraffic({ history, findings, demands }: CheckContext): void {
  const { operations, faults } = history;
  const startMs = operations.reduce((first, { callMs }) => Math.min(first, callMs), Number.POSITIVE_INFINITY);
  const endMs = operations.reduce(
    (last, { returnMs }) => (returnMs < Infinity ? Math.max(last, returnMs) : last),
    startMs,
  );
  const rate = operations.length === 0 ? 0 : (operations.length * 1000) / Math.max(endMs - startMs, 1);
  if (rate < demands.operationsPerSecondMin) {
    const seen = `${operations.length} operations, ${rate.toFixed(1)} in a second`;
    findings.add(
      'too few operations',
      () => `${seen}; at least ${demands.operationsPerSecondMin} in a second are demanded`,
    );
  }
  for (const fault of faults) {
    const count = operations.filter((operation) => isDuring(operation, fault)).length;
    if (count >= demands.operationsDuringFaultMin) continue;
    findings.add('no traffic during a fault', () => {
      const lasted = `${fault.name}, ${ms(fault.startMs)} to ${ms(fault.healMs)}`;
      return `${lasted}: ${count} operations began or ended; at least ${demands.operationsDuringFaultMin} are demanded`;
    });
  }
  for (const type of ['read', 'write'] as const) {
    if (operations.some((operation) => operation.type === type && operation.outcome.status === 'ok')) continue;
    findings.add('nothing succeeded', () => `not one ${type} of the run`);
  }
}

export function isDuring({ callMs, returnMs }: Operation, { startMs, healMs }: FaultWindow): boolean {
  return (callMs >= startMs && callMs <= healMs) || (returnMs >= startMs && returnMs <= healMs);
}
