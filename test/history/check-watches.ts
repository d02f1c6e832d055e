import type { CheckContext } from './check-context.ts';
import type { Currency } from './currency.ts';
import { describeWatch } from './describe.ts';
import { FollowedWatch } from './followed-watch.ts';
import type { WatchRecord } from './history.ts';
import { mayBeLost } from './may-be-lost.ts';
import { NOWHERE, type Position } from './position.ts';

/** C10: ordered, unique, atomic, reliable, resumable, bookmarkable. */
export function checkWatches(context: CheckContext, currency: Currency): void {
  for (const watch of context.history.watches) {
    const followed = new FollowedWatch(context, currency, watch);
    for (const response of watch.responses) followed.take(response);
    followed.finish();
    if (watch.endedBy === 'REVISION_LOST') checkLost(context, watch, followed.at);
    if (watch.settled) checkSettled(context, watch, followed.at);
  }
}

function checkLost(context: CheckContext, watch: WatchRecord, at: Position | undefined): void {
  const { timeline, findings } = context;
  const known = at ?? (watch.startRevision === 0n ? NOWHERE : timeline.positionOf(watch.startRevision - 1n));
  // What it was told last was of its own order; what was asked then may have been answered by a primary that is no more.
  const sinceMs = watch.responses.at(-1)?.atMs ?? watch.openMs;
  if (known === NOWHERE || mayBeLost(context, known, sinceMs)) return;
  const revision = timeline.revisionAt(known);
  findings.add(
    'refused as lost what is not',
    () => `${describeWatch(watch)}; it was at ${revision}, which the store has`,
  );
}

function checkSettled({ timeline, findings }: CheckContext, watch: WatchRecord, at: Position | undefined): void {
  const { head } = timeline;
  if (at === undefined) {
    findings.add('watch fell silent', () => `${describeWatch(watch)}; it was told nothing of where it is`);
    return;
  }
  const where = `it got to ${timeline.revisionAt(at)}`;
  if (!timeline.isIn(timeline.eraAt(head), at)) {
    findings.add('watch fell silent', () => `${describeWatch(watch)}; ${where}, and was not told that this is lost`);
    return;
  }
  const due = timeline.filterLog(watch.keys, watch.prefixes).positions;
  const last = due[timeline.lastIn(due, head)];
  if (last === undefined || last <= at) return;
  const missed = timeline.revisionAt(last);
  findings.add(
    'watch fell silent',
    () => `${describeWatch(watch)}; ${where}, and was not told of the changes up to ${missed}`,
  );
}
