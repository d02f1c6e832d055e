import type { FaultRun } from '../fault.ts';
import type { Calls } from '../metrics.ts';
import type { Site } from '../site.ts';

/** Of calls while a cache or a bus is broken: it is never the caller's trouble. */
const READS_SERVED_MIN = 0.9999;
const WRITES_SERVED_MIN = 0.999;

/** What `served` demands, for the report. */
export const SERVED = 'reads ≥ 99.99 %, writes ≥ 99.9 % succeed';

/** A fault that was not felt proves nothing. @throws if it was not */
export function mustBeFelt(felt: boolean, how: string): asserts felt {
  if (!felt) throw new Error(`the fault was not felt: ${how}`);
}

/** Reads and writes succeed, while it is broken and while it heals. */
export function served({ metrics }: FaultRun): readonly string[] {
  const phases = [metrics.fault, metrics.healed];
  return [
    ...fewFailures(
      'reads',
      phases.map(({ reads }) => reads),
      READS_SERVED_MIN,
    ),
    ...fewFailures(
      'writes',
      phases.map(({ writes }) => writes),
      WRITES_SERVED_MIN,
    ),
  ];
}

function fewFailures(what: string, phases: readonly Calls[], leastRatio: number): readonly string[] {
  const count = phases.reduce((sum, calls) => sum + calls.count, 0);
  const failed = count - phases.reduce((sum, calls) => sum + calls.succeeded, 0);
  if (count > 0 && failed <= count * (1 - leastRatio)) return [];
  const reasons = phases.map(({ failures }) => JSON.stringify(failures)).join(' ');
  return [`${failed} of ${count} ${what} failed, more than ${((1 - leastRatio) * 100).toFixed(2)} %: ${reasons}`];
}

/** Over the replicas: of `paramd_<name>_total`. */
export async function total({ replicas }: Pick<Site, 'replicas'>, name: string): Promise<number> {
  const counts = await Promise.all(replicas.map((replica) => replica.metric(`paramd_${name}_total`)));
  return counts.reduce((sum, count) => sum + count, 0);
}
