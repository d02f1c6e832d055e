import type { Report } from '../history/history.ts';
import type { Metrics } from './metrics.ts';
import type { SiteReplica } from './site.ts';

/** Of each kind: more of them say nothing new, and the history has them all. */
const VIOLATIONS_TOLD_MAX = 3;
const ERRORS_TOLD_MAX = 3;

export function violationsOf({ violations, found }: Report): string[] {
  const kinds = Object.keys(found);
  return kinds.flatMap((kind) => {
    const told = violations.filter((each) => each.kind === kind).slice(0, VIOLATIONS_TOLD_MAX);
    const rest = found[kind]! - told.length;
    const lines = told.map(({ promise, message }) => `${promise} ${kind}: ${message}`);
    return rest === 0 ? lines : [...lines, `and ${rest} more: ${kind}`];
  });
}

/** What must never be, whatever the fault. */
export function defectsOf(replicas: readonly SiteReplica[], { baseline, fault, healed }: Metrics): string[] {
  const problems = replicas.flatMap(({ unexpectedExits }) => unexpectedExits);
  for (const { name, log } of replicas) {
    const errors = log.filter(({ level }) => level === 'error' || level === 'fatal').slice(0, ERRORS_TOLD_MAX);
    problems.push(...errors.map((line) => `${name} logged an error: ${JSON.stringify(line)}`));
  }
  for (const { reads, writes } of [baseline, fault, healed]) {
    const failures = [...Object.keys(reads.failures), ...Object.keys(writes.failures)];
    problems.push(...failures.filter((each) => each.includes('UNFORESEEN')).map((each) => `calls failed with ${each}`));
  }
  for (const { count, succeeded, failures } of [baseline.reads, baseline.writes]) {
    if (succeeded < count) problems.push(`calls failed before the fault: ${JSON.stringify(failures)}`);
  }
  return problems;
}
