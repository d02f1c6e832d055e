import type { Head, Revision } from '../../model/revision.ts';
import { type Store, StoreError } from '../../ports/store.ts';
import { History } from '../history.ts';
import { commonRevision, serversDiffer, type Trail } from './divergence.ts';

/** What a replica has applied, as far as it can compare. */
export interface Comparable extends Trail {
  readonly applied: Revision;
}

export interface FoundEpoch {
  readonly head: Head;
  readonly history: History;
  /** Was this revision, seen before the change, lost or never part of the order? */
  isLost(revision: Revision): boolean;
}

/**
 * Finds out which epoch the store is in, and begins one if it is due (C9): the server is another incarnation, what was
 * applied here is not in its log, or its epoch is older than one that was seen already.
 *
 * A failover that does not fence the former primary, and a stale name or pooler, may lead some connections to it. So an
 * epoch is begun only on the server that gave the reason, and taken over only if every answer was of it.
 * @returns undefined: it is the same epoch still
 * @throws StoreError
 */
export async function findEpoch(store: Store, seen: Head, log: Comparable): Promise<FoundEpoch | undefined> {
  const former = log.epoch;
  if (isFormerPrimary(seen.incarnation, former.incarnation)) {
    store.forsake?.(seen);
    throw new StoreError(
      'epoch-changed',
      `${seen.incarnation} answered, a primary before ${former.incarnation}; if it was restored, begin an epoch by hand and restart`,
    );
  }
  const common = await commonRevision(store, seen, log);
  const diverged = common < log.applied;
  const isNext = seen.epoch.id !== former.id;
  const isOlder = isNext && seen.epoch.number < former.number;
  let head = seen;
  // Somebody may have begun the next one, and not know what this replica has applied; or the store has lost it.
  if ((diverged && isNext) || isOlder) head = await store.startEpoch(former, common, seen);
  if (head.incarnation !== head.epoch.incarnation || (diverged && !isNext)) {
    head = await store.startEpoch(head.epoch, isNext ? head.revision : common, head);
  }
  if (isOlder && head.epoch.id === former.id) store.forsake?.(seen);
  const epochs = await store.epochs();
  const history = new History(epochs);
  if (history.epoch.id === former.id) {
    if (!isNext || isOlder) return undefined;
    store.forsake?.(epochs);
    throw serversDiffer();
  }
  if (history.epoch.id !== head.epoch.id) throw serversDiffer();
  const foreign = !epochs.some((epoch) => epoch.id === former.id);
  // Its beginning too: it stands for all that the other epoch went on from.
  const isLost = (revision: Revision) => history.isLost(revision) || (foreign && revision >= former.startRevision - 1n);
  return { head, history, isLost };
}

/**
 * Each promotion begins a higher timeline, so a server in a lower one than was seen already is a former primary: it is
 * taken for no primary any more, even if every connection leads to it.
 */
function isFormerPrimary(incarnation: string, present: string): boolean {
  const [system, timeline = ''] = incarnation.split('/');
  const [presentSystem, presentTimeline = ''] = present.split('/');
  // Eight hexadecimal digits.
  return system === presentSystem && timeline < presentTimeline;
}
