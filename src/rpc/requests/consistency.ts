import type { ReadConsistency } from '../../../gen/parameter/v1/freshness.ts';
import type { Consistency } from '../../core/api.ts';
import { type Findings, invalid } from '../findings.ts';
import { nanosecondsOf } from './durations.ts';

export const NO_DEMANDS: Consistency = { linearizable: false };

/** What a read demands. */
export function consistencyOf(findings: Findings, demanded: ReadConsistency | undefined): Consistency {
  if (demanded === undefined) return NO_DEMANDS;
  const { maxStaleness, atLeastRevision, linearizable } = demanded;
  if (atLeastRevision < 0n) invalid(findings, 'consistency.at_least_revision', 'is negative');
  return {
    maxStalenessMs: maxStaleness && maxStalenessMsOf(findings, maxStaleness),
    atLeastRevision: atLeastRevision > 0n ? atLeastRevision : undefined,
    linearizable,
  };
}

function maxStalenessMsOf(
  findings: Findings,
  maxStaleness: NonNullable<ReadConsistency['maxStaleness']>,
): number | undefined {
  const nanoseconds = nanosecondsOf(findings, 'consistency.max_staleness', maxStaleness);
  if (nanoseconds === undefined) return undefined;
  if (nanoseconds <= 0n) invalid(findings, 'consistency.max_staleness', 'is not greater than 0');
  return Number(nanoseconds) / 1e6;
}
