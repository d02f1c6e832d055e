import type { CheckContext } from './check-context.ts';
import { counts, revisionOf } from './check-writes.ts';
import { describeOperation } from './describe.ts';
import type { WriteRecord } from './history.ts';
import { NOWHERE, type Position } from './position.ts';
import { Possible } from './possible.ts';
import { firstAbove } from './sorted.ts';
import type { Write } from './writes.ts';

/** What a refusal may be about. */
const REFUSALS = new Set(['REVISION_MISMATCH', 'PARAMETER_EXISTS', 'PARAMETER_NOT_FOUND']);

/** C9: a conditional write is judged against the state just before it, and a refusal against one that there was. */
export function checkConditions(context: CheckContext): void {
  const { history, timeline, writes } = context;
  const possible = new Possible(timeline, writes);
  for (const write of writes.all) {
    const { conditions } = write.attempts[0]!;
    if (conditions.length === 0) continue;
    for (const place of write.places) checkDone(context, write.attempts[0]!, place, place - 1);
    for (const attempt of write.attempts) checkChangedNothing(context, write, attempt);
  }
  for (const operation of history.operations) {
    if (operation.type !== 'write' || operation.outcome.status !== 'failed') continue;
    if (REFUSALS.has(operation.outcome.reason)) checkRefused(context, possible, operation, operation.outcome.reason);
  }
}

function checkDone(
  { timeline, findings }: CheckContext,
  record: WriteRecord,
  place: Position,
  judgedAt: Position,
): void {
  for (const { key, revision } of record.conditions) {
    const there = timeline.stateOf(key, judgedAt)?.revision ?? 0n;
    if (there === revision) continue;
    findings.add('condition that did not hold', () => {
      const was = there === 0n ? 'did not exist' : `was at ${there}`;
      return `${describeOperation(record)}; done at ${timeline.revisionAt(place)}, when ${JSON.stringify(key)} ${was}`;
    });
  }
}

/** A delete of nothing: its revision is that of the state which it was judged against. */
function checkChangedNothing(context: CheckContext, write: Write, attempt: WriteRecord): void {
  const revision = revisionOf(attempt);
  if (revision === undefined || !counts(context, attempt)) return;
  const position = context.timeline.positionOf(revision);
  if (position === NOWHERE || context.writes.ownerOf(position) === write) return;
  if (attempt.operations.some(({ type }) => type === 'set')) return;
  checkDone(context, attempt, position, position);
}

function checkRefused(context: CheckContext, possible: Possible, record: WriteRecord, reason: string): void {
  const { timeline, evidence, findings, demands } = context;
  const fromMs = record.callMs - demands.grainMs;
  const toMs = record.returnMs + demands.grainMs;
  for (const [at, { era }] of timeline.spans.entries()) {
    const beganMs = timeline.spans[era.continues]?.era.endMs ?? Number.NEGATIVE_INFINITY;
    if (era.endMs < fromMs || (beganMs !== Number.POSITIVE_INFINITY && beganMs > toMs)) continue;
    if (mayRefuse(context, record, reason, evidence.newestBefore(at, fromMs), possible.newestAt(at, toMs))) return;
  }
  findings.add('refusal that could not be true', () => {
    return `${describeOperation(record)}; nothing that it asks for was otherwise at any moment of the call`;
  });
}

/** Was anything otherwise than the write wants it, in any state from the one to the other? */
function mayRefuse(
  { timeline }: CheckContext,
  { conditions, operations }: WriteRecord,
  reason: string,
  from: Position,
  to: Position,
): boolean {
  const changed = (key: string) => {
    const positions = timeline.positionsOf(key);
    const next = positions[firstAbove(positions, from)];
    return next !== undefined && next <= to;
  };
  const isAt = (key: string, revision: bigint) => (timeline.stateOf(key, from)?.revision ?? 0n) === revision;
  if (reason === 'PARAMETER_NOT_FOUND') {
    return operations.some(({ type, key }) => type === 'delete' && (isAt(key, 0n) || changed(key)));
  }
  const relevant = reason === 'PARAMETER_EXISTS' ? conditions.filter(({ revision }) => revision === 0n) : conditions;
  return relevant.some(({ key, revision }) => !isAt(key, revision) || changed(key));
}
