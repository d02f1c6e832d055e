import type { CheckContext } from './check-context.ts';
import { describeOperation } from './describe.ts';
import type { Found, ReadOutcome, ReadRecord } from './history.ts';
import type { Kind } from './kinds.ts';
import { NOWHERE, type Position } from './position.ts';
import type { Change, Timeline } from './timeline.ts';

type Answer = Extract<ReadOutcome, { status: 'ok' }>;

/** C5: an answer is the state at its revision, all of it; what does not exist is not found. */
export function checkReads(context: CheckContext): void {
  const { history, timeline, findings } = context;
  for (const read of history.operations) {
    if (read.type !== 'read' || read.outcome.status !== 'ok') continue;
    const { outcome } = read;
    const position = timeline.positionOf(outcome.revision);
    if (position === NOWHERE) findings.add('revision that never was', () => describeOperation(read));
    else if (read.method === 'list') checkList(context, read, outcome, position);
    else checkKeys(context, read, outcome, position);
  }
}

function checkKeys(context: CheckContext, read: ReadRecord, { found }: Answer, position: Position): void {
  const { timeline } = context;
  let met = 0;
  const wrong: string[] = [];
  const keys = read.keys.length > 1 ? new Set(read.keys) : read.keys;
  for (const key of keys) {
    const seen = found.get(key);
    if (seen !== undefined) met += 1;
    if (!isSame(seen, timeline.stateOf(key, position))) wrong.push(key);
  }
  if (wrong.length > 0) tell(context, read, wrong, position);
  if (met === found.size) return;
  const foreign = [...found.keys()].filter((key) => !read.keys.includes(key));
  context.findings.add(
    'parameter that was not asked for',
    () => `${describeOperation(read)}; found ${foreign.join(', ')}`,
  );
}

function checkList(context: CheckContext, read: ReadRecord, { found }: Answer, position: Position): void {
  const { timeline, findings } = context;
  const prefix = read.prefix ?? '';
  const wrong: string[] = [];
  for (const [key, seen] of found) {
    if (!key.startsWith(prefix)) {
      findings.add(
        'parameter that was not asked for',
        () => `${describeOperation(read)}; found ${JSON.stringify(key)}`,
      );
    } else if (!isSame(seen, timeline.stateOf(key, position))) wrong.push(key);
  }
  const log = timeline.filterLog([], [prefix]);
  if (log.livingAt(position) !== found.size || wrong.length > 0) {
    for (const key of log.keys) {
      if (!found.has(key) && timeline.stateOf(key, position) !== undefined) wrong.push(key);
    }
  }
  if (wrong.length > 0) tell(context, read, wrong, position);
}

function isSame(seen: Found | undefined, there: Change | undefined): boolean {
  if (seen === undefined || there === undefined) return seen === there;
  const { event, revision } = there;
  return (
    seen.value === event.value &&
    seen.revision === revision &&
    seen.createRevision === event.createRevision &&
    seen.version === event.version
  );
}

function tell(
  { timeline, findings }: CheckContext,
  read: ReadRecord,
  wrong: readonly string[],
  position: Position,
): void {
  const { found } = read.outcome as Answer;
  const describe = (key: string) => {
    const there = describeThere(timeline.stateOf(key, position));
    return `${JSON.stringify(key)} was ${describeFound(found.get(key))}, should be ${there}`;
  };
  const told = () => `${describeOperation(read)}; ${wrong.slice(0, 5).map(describe).join('; ')}`;
  for (const key of wrong) {
    const seen = found.get(key);
    if (seen !== undefined && isOther(timeline, key, seen)) findings.add('two values of one revision', told);
  }
  // Each key as it was once, and not all at the same time.
  if (read.method !== 'get' && wrong.every((key) => wasOnce(timeline, key, found.get(key)))) {
    findings.add(read.method === 'list' ? 'torn list' : 'torn batch', told);
    return;
  }
  for (const key of wrong) findings.add(kindOf(found.get(key), timeline.stateOf(key, position)), told);
}

function kindOf(seen: Found | undefined, there: Change | undefined): Kind {
  if (seen === undefined) return 'existing parameter not found';
  if (there === undefined) return 'missing parameter found';
  return seen.value === there.event.value ? 'wrong counters' : 'wrong value';
}

/** Does the log have that revision of the key, with another value? */
export function isOther(
  timeline: Timeline,
  key: string,
  seen: { readonly value: string; readonly revision: bigint },
): boolean {
  const change = changeAt(timeline, key, seen.revision);
  return change !== undefined && (change.event.type === 'delete' || change.event.value !== seen.value);
}

function wasOnce(timeline: Timeline, key: string, seen: Found | undefined): boolean {
  return seen === undefined || isSame(seen, changeAt(timeline, key, seen.revision));
}

function changeAt(timeline: Timeline, key: string, revision: bigint): Change | undefined {
  const position = timeline.positionOf(revision);
  return timeline.changesOf(key).find((change) => change.position === position);
}

function describeFound(found: Found | undefined): string {
  if (found === undefined) return 'not found';
  const { value, revision, createRevision, version } = found;
  return `${JSON.stringify(value)} of ${revision} (created ${createRevision}, version ${version})`;
}

function describeThere(there: Change | undefined): string {
  return describeFound(there && { ...there.event, revision: there.revision });
}
