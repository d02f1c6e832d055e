import { Acknowledgements } from './acknowledgements.ts';
import type { CheckContext } from './check-context.ts';
import { describeOperation } from './describe.ts';
import { getOrMake } from './get-or-make.ts';
import type { Operation, ReadRecord } from './history.ts';
import { mayBeLost } from './may-be-lost.ts';
import { NOWHERE, type Position } from './position.ts';

/** C1, C2 and C3: what a caller has a right to see again. */
export function checkSessions(context: CheckContext): void {
  const { history, timeline } = context;
  const acknowledgements = new Acknowledgements(context);
  const clients = new Map<number, Operation[]>();
  for (const operation of history.operations) {
    getOrMake(clients, operation.client, () => []).push(operation);
    if (operation.type !== 'read') continue;
    if (operation.outcome.status === 'failed') {
      if (operation.outcome.reason === 'REVISION_LOST') checkLost(context, operation);
      continue;
    }
    const position = timeline.positionOf(operation.outcome.revision);
    if (position === NOWHERE) continue;
    checkOwnWrites(context, acknowledgements, operation, position);
    checkAtLeast(context, operation, position);
  }
  for (const session of clients.values()) checkSession(context, session);
}

/** C1 */
function checkOwnWrites(
  { timeline, findings }: CheckContext,
  acknowledgements: Acknowledgements,
  read: ReadRecord,
  position: Position,
): void {
  const written = acknowledgements.newestBefore(read);
  if (written === NOWHERE || timeline.reflects(position, written)) return;
  const isLost = timeline.eraAt(position) > timeline.eraAt(written);
  if (isLost) return;
  // A delete of nothing changed nothing: what was so before it is so behind it.
  const changes = timeline.filterLog(read.keys, read.prefix === undefined ? [] : [read.prefix]).positions;
  const last = changes[timeline.lastIn(changes, written)];
  if (last === undefined || timeline.reflects(position, last)) return;
  findings.add('write not reflected on its replica', () => {
    return `${describeOperation(read)}; ${timeline.revisionAt(written)} had been acknowledged there before`;
  });
}

/** C2 */
function checkAtLeast({ timeline, findings }: CheckContext, read: ReadRecord, position: Position): void {
  if (read.atLeastRevision === undefined) return;
  const least = timeline.positionOf(read.atLeastRevision);
  if (least !== NOWHERE && timeline.reflects(position, least)) return;
  const why = least === NOWHERE ? 'which never was' : 'which that does not reflect';
  findings.add('at_least_revision not reflected', () => `${describeOperation(read)}, ${why}`);
}

/** C2, the other side of it: the listing of pages may have been lost in between. */
function checkLost(context: CheckContext, read: ReadRecord): void {
  const { timeline, evidence, findings } = context;
  if (read.atLeastRevision === undefined || read.method === 'list') return;
  const least = timeline.positionOf(read.atLeastRevision);
  if (least === NOWHERE || evidence.provenMs(least) >= read.callMs || mayBeLost(context, least, read.callMs)) return;
  findings.add('refused as lost what is not', () => `${describeOperation(read)}; the store has that revision`);
}

/** C3, of one client, which passes what it has seen. */
function checkSession({ timeline, findings }: CheckContext, session: readonly Operation[]): void {
  const calls = session.toSorted((one, other) => one.callMs - other.callMs);
  const returns = session.toSorted((one, other) => one.returnMs - other.returnMs);
  let seen: Position = NOWHERE;
  let returned = 0;
  for (const call of calls) {
    for (; returned < returns.length; returned++) {
      const { outcome, returnMs } = returns[returned]!;
      if (returnMs > call.callMs || returns[returned] === call) break;
      if (outcome.status === 'ok') seen = Math.max(seen, timeline.positionOf(outcome.revision));
      else if (outcome.reason === 'REVISION_LOST') seen = NOWHERE;
    }
    if (call.type !== 'read' || call.outcome.status !== 'ok' || call.atLeastRevision === undefined) continue;
    const passed = timeline.positionOf(call.atLeastRevision);
    const position = timeline.positionOf(call.outcome.revision);
    if (seen === NOWHERE || passed === NOWHERE || position === NOWHERE || !timeline.reflects(passed, seen)) continue;
    if (timeline.reflects(position, seen)) continue;
    const before = timeline.revisionAt(seen);
    findings.add('session went back', () => `${describeOperation(call)}; the client had seen ${before} before`);
  }
}
