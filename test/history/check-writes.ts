import type { CheckContext } from './check-context.ts';
import { describeOperation } from './describe.ts';
import type { Era, WriteRecord } from './history.ts';
import { NOWHERE, type Position } from './position.ts';
import type { Timeline } from './timeline.ts';
import { onlyDeletes, type Write } from './writes.ts';

/** C8: what was acknowledged is in the log once, what was refused is not, what is unknown at most once; and nothing else. */
export function checkWrites(context: CheckContext): void {
  const { timeline, writes, findings } = context;
  for (const write of writes.all) {
    checkPlaces(context, write);
    const acknowledged = write.attempts.filter(
      (attempt) => revisionOf(attempt) !== undefined && counts(context, attempt),
    );
    for (const attempt of acknowledged) checkAcknowledged(context, write, attempt);
    checkRetries(context, acknowledged);
  }
  for (let position = 0; position < timeline.length; position++) {
    const entry = timeline.entryAt(position);
    if (entry === undefined || writes.ownerOf(position) !== undefined) continue;
    const events = entry.events.map(({ type, key, value }) => `${type} ${JSON.stringify(key)} ${value}`);
    findings.add('entry that nobody wrote', () => `${entry.revision}: ${events.join(', ')}`);
  }
}

function checkPlaces({ timeline, writes, findings }: CheckContext, write: Write): void {
  const first = write.attempts[0]!;
  for (const [at, place] of write.places.entries()) {
    if (!writes.isContentOf(write, place)) {
      findings.add('write with other contents', () => {
        const events = timeline
          .entryAt(place)!
          .events.map(({ type, key, value }) => `${type} ${JSON.stringify(key)} ${value}`);
        return `${describeOperation(first)}; at ${timeline.revisionAt(place)} the log has ${events.join(', ')}`;
      });
    }
    const again = write.places.slice(at + 1).find((other) => timeline.reflects(other, place));
    if (again !== undefined) {
      const places = `${timeline.revisionAt(place)} and ${timeline.revisionAt(again)}`;
      findings.add('write done twice', () => `${describeOperation(first)}; the log has it at ${places}`);
    }
  }
  const place = write.places[0];
  if (place !== undefined && write.attempts.every(({ outcome }) => outcome.status === 'failed')) {
    const revision = timeline.revisionAt(place);
    findings.add('refused write done', () => `${describeOperation(first)}; the log has it at ${revision}`);
  }
}

function checkAcknowledged(context: CheckContext, write: Write, attempt: WriteRecord): void {
  const { timeline, findings, demands } = context;
  const position = timeline.positionOf(revisionOf(attempt)!);
  const told = () => describeOperation(attempt);
  if (position === NOWHERE || !(write.places.includes(position) || onlyDeletes(write))) {
    const place = write.places[0];
    if (place === undefined) findings.add('acknowledged write missing', () => `${told()}; the log has it nowhere`);
    else {
      const revision = timeline.revisionAt(place);
      findings.add('acknowledged at another revision', () => `${told()}; the log has it at ${revision}`);
    }
    return;
  }
  for (const { key, type } of write.attempts[0]!.operations) {
    const there = type === 'delete' ? timeline.stateOf(key, position) : undefined;
    if (there === undefined) continue;
    const exists = `${JSON.stringify(key)} exists there, since ${there.revision}`;
    findings.add('acknowledged delete of what exists', () => `${told()}; ${exists}`);
  }
  const last = timeline.spans.length - 1;
  if (timeline.isIn(last, position) || demands.mayLose) return;
  const { epochNumber } = timeline.spans[last]!.era;
  findings.add('acknowledged write lost', () => `${told()}; epoch ${epochNumber} went on without it`);
}

/** The second time it was answered, if not done again because the first was lost, it must be with the first's revision. */
function checkRetries({ timeline, findings }: CheckContext, acknowledged: readonly WriteRecord[]): void {
  const [first, ...others] = acknowledged;
  if (first === undefined) return;
  for (const other of others) {
    const [one, two] = [revisionOf(first)!, revisionOf(other)!];
    if (one === two) continue;
    const [early, late] = [timeline.positionOf(one), timeline.positionOf(two)].sort((x, y) => x - y) as [
      Position,
      Position,
    ];
    if (early !== NOWHERE && !timeline.reflects(late, early)) continue;
    findings.add('retry answered otherwise', () => `${describeOperation(first)}; ${describeOperation(other)}`);
  }
}

export function revisionOf({ outcome }: WriteRecord): bigint | undefined {
  return outcome.status === 'ok' ? outcome.revision : undefined;
}

/** Also of a revision that is not in the log: the one that would have issued it. */
function eraOf(timeline: Timeline, revision: bigint): Era {
  const position = timeline.positionOf(revision);
  if (position !== NOWHERE) return timeline.spanAt(position).era;
  const started = timeline.spans.map(({ era }) => era).filter(({ startRevision }) => startRevision <= revision);
  return started.reduce(
    (newest, era) => (era.startRevision > newest.startRevision ? era : newest),
    timeline.spans[0]!.era,
  );
}

/** Acknowledgements of a store that was no longer the primary promise nothing. */
export function counts({ timeline, demands }: CheckContext, { outcome, returnMs }: WriteRecord): boolean {
  if (outcome.status !== 'ok') return false;
  return returnMs <= eraOf(timeline, outcome.revision).endMs + demands.grainMs;
}
