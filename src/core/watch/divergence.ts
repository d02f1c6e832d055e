import type { Epoch, Head, Revision } from '../../model/revision.ts';
import { isOfAnother, type Store, StoreError } from '../../ports/store.ts';

/** The last revision of a batch that was applied. */
export interface AppliedBatch {
  readonly revision: Revision;
  readonly batchId: string;
}

/** What a replica has applied lately, and in which epoch. */
export interface Trail {
  readonly epoch: Epoch;
  /** Oldest first. */
  readonly recent: readonly AppliedBatch[];
}

/**
 * The newest revision at which what was applied here and what the store has are known to be the same.
 *
 * Two standbys promoted apart give the same numbers to different writes; only the batch ids tell. They agree up to some
 * revision and differ after it, so the place is found by bisection.
 * @throws StoreError epoch-changed, if another server than the one that has this head answers
 */
export async function commonRevision(store: Store, head: Head, { epoch, recent }: Trail): Promise<Revision> {
  const agrees = async ({ revision, batchId }: AppliedBatch) => {
    if (revision > head.revision) return false;
    if (revision === head.revision) return batchId === head.batchId;
    // Where an epoch begins there is no batch, but no other epoch begins there: the log tells that too.
    const page = await store.readLog({ after: revision, entriesMax: 1, bytesMax: 1, values: false, lane: 'tailer' });
    if (isOfAnother(head, page.head, epoch)) throw serversDiffer();
    return page.batchIdAtAfter === undefined ? revision <= head.compactRevision : page.batchIdAtAfter === batchId;
  };
  const newest = recent.at(-1);
  // Nothing applied that could tell, or all of it is there: nothing of what the store has is in doubt.
  if (newest === undefined || (await agrees(newest))) return head.revision;
  let low = -1; // agrees, or is before all we know
  let high = recent.length - 1; // differs
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (await agrees(recent[middle]!)) low = middle;
    else high = middle;
  }
  if (low >= 0) return recent[low]!.revision;
  const before = recent[0]!.revision - 1n;
  const beginning = head.epoch.startRevision - 1n;
  return before < beginning ? before : beginning;
}

export function serversDiffer(): StoreError {
  return new StoreError('epoch-changed', 'connections lead to servers in different epochs');
}
