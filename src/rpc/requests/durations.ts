import type { Duration } from '../../../gen/google/protobuf/duration.ts';
import { type Findings, invalid } from '../findings.ts';

/** Ten thousand years, as google.protobuf.Duration has it. */
const SECONDS_MAX = 315_576_000_000n;
const NANOS_MAX = 999_999_999;
export const NANOS_PER_SECOND = 1_000_000_000n;

/** Undefined: the duration is none, and that is among the findings. */
export function nanosecondsOf(findings: Findings, field: string, duration: Duration): bigint | undefined {
  const { seconds, nanos } = duration;
  if (seconds > SECONDS_MAX || seconds < -SECONDS_MAX) {
    invalid(findings, field, 'is longer than the 10,000 years of a duration');
  } else if (Math.abs(nanos) > NANOS_MAX) {
    invalid(findings, field, 'has nanos beyond 999,999,999');
  } else if ((seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0)) {
    invalid(findings, field, 'has seconds and nanos of different signs');
  } else {
    return seconds * NANOS_PER_SECOND + BigInt(nanos);
  }
  return undefined;
}

export interface DurationBounds {
  readonly leastNs: bigint;
  readonly mostNs: bigint;
  /** For people: "1 s to 30 days". */
  readonly text: string;
}

/** As nanosecondsOf, and within bounds. */
export function boundedNanoseconds(
  findings: Findings,
  field: string,
  duration: Duration,
  bounds: DurationBounds,
): bigint | undefined {
  const nanoseconds = nanosecondsOf(findings, field, duration);
  if (nanoseconds === undefined) return undefined;
  if (nanoseconds >= bounds.leastNs && nanoseconds <= bounds.mostNs) return nanoseconds;
  invalid(findings, field, `is not ${bounds.text}`);
  return undefined;
}
