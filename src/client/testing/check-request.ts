import type { Duration } from '../../../gen/google/protobuf/duration.ts';
import type { WarmCacheRequest } from '../../../gen/parameter/v1/cache_service.ts';
import type { ReadConsistency } from '../../../gen/parameter/v1/freshness.ts';
import type {
  BatchGetParametersRequest,
  GetParameterRequest,
  ListParametersRequest,
  WatchRequest,
} from '../../../gen/parameter/v1/parameter_service.ts';
import { nsOfDuration } from '../duration.ts';
import { checkKey, checkPrefix } from './check-text.ts';
import { Findings } from './findings.ts';

// What the servers refuse of a read before they look anything up, in their words and in their order. The contract suite
// in the tests holds the two together.

const BATCH_KEYS_MAX = 1000;
const WATCH_FILTERS_MAX = 100;
const PROGRESS_INTERVAL = { leastNs: 100_000_000n, mostNs: 600_000_000_000n, text: '100 ms to 10 min' };
const DURATION_SECONDS_MAX = 315_576_000_000n;

export function checkGet({ key, consistency }: GetParameterRequest): void {
  const findings = new Findings();
  checkKey(findings, 'key', key);
  checkConsistency(findings, consistency);
  findings.settle();
}

export function checkBatchGet({ keys, consistency }: BatchGetParametersRequest): void {
  const findings = new Findings();
  for (const [index, key] of keys.entries()) checkKey(findings, `keys[${index}]`, key);
  if (new Set(keys).size > BATCH_KEYS_MAX) findings.exceeded('keys', BATCH_KEYS_MAX, 'ask for fewer in one call');
  checkConsistency(findings, consistency);
  findings.settle();
}

export function checkList({ prefix, pageSize, consistency }: ListParametersRequest): void {
  const findings = new Findings();
  checkPrefix(findings, 'prefix', prefix);
  if (pageSize < 0) findings.invalid('page_size', 'is negative');
  checkConsistency(findings, consistency);
  findings.settle();
}

export function checkWatch({ keys, prefixes, startRevision, progressInterval }: WatchRequest): void {
  const findings = new Findings();
  const filters = keys.length + prefixes.length;
  if (filters === 0) findings.invalid('keys', 'nothing is asked for: give keys or prefixes ("" is everything)');
  if (filters > WATCH_FILTERS_MAX) findings.exceeded('watch_filters', WATCH_FILTERS_MAX, 'watch a common prefix');
  for (const [index, key] of keys.entries()) checkKey(findings, `keys[${index}]`, key);
  for (const [index, prefix] of prefixes.entries()) checkPrefix(findings, `prefixes[${index}]`, prefix);
  if (startRevision < 0n) findings.invalid('start_revision', 'is negative');
  if (progressInterval) checkBounded(findings, 'progress_interval', progressInterval, PROGRESS_INTERVAL);
  findings.settle();
}

export function checkWarm({ prefix, maxKeysPerSecond }: WarmCacheRequest): void {
  const findings = new Findings();
  checkPrefix(findings, 'prefix', prefix);
  if (maxKeysPerSecond < 0) findings.invalid('max_keys_per_second', 'is negative');
  findings.settle();
}

function checkConsistency(findings: Findings, demanded: ReadConsistency | undefined): void {
  if (demanded === undefined) return;
  const { atLeastRevision, maxStaleness } = demanded;
  if (atLeastRevision < 0n) findings.invalid('consistency.at_least_revision', 'is negative');
  if (maxStaleness && checkDuration(findings, 'consistency.max_staleness', maxStaleness)) {
    if (nsOfDuration(maxStaleness) <= 0n) findings.invalid('consistency.max_staleness', 'is not greater than 0');
  }
}

export interface DurationBounds {
  readonly leastNs: bigint;
  readonly mostNs: bigint;
  /** For people: "1 s to 30 days". */
  readonly text: string;
}

export function checkBounded(findings: Findings, field: string, duration: Duration, bounds: DurationBounds): void {
  if (!checkDuration(findings, field, duration)) return;
  const ns = nsOfDuration(duration);
  if (ns < bounds.leastNs || ns > bounds.mostNs) findings.invalid(field, `is not ${bounds.text}`);
}

/** Durations of this client are always well formed; those that a caller made as a message may be not. */
export function checkDuration(findings: Findings, field: string, { seconds, nanos }: Duration): boolean {
  if (seconds > DURATION_SECONDS_MAX || seconds < -DURATION_SECONDS_MAX) {
    findings.invalid(field, 'is longer than the 10,000 years of a duration');
  } else if (Math.abs(nanos) > 999_999_999) {
    findings.invalid(field, 'has nanos beyond 999,999,999');
  } else if ((seconds > 0n && nanos < 0) || (seconds < 0n && nanos > 0)) {
    findings.invalid(field, 'has seconds and nanos of different signs');
  } else return true;
  return false;
}
