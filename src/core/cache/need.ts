import { ParamdError } from '../../model/errors.ts';
import type { Revision } from '../../model/revision.ts';
import { StoreError } from '../../ports/store.ts';
import type { Call, Consistency } from '../api.ts';
import { STORE_PATIENCE_MS } from '../watch/tailer.ts';

/** What one read needs, in terms of the lease and the log. */
export interface Need {
  /** The answer must have been current at a moment no earlier than this. */
  readonly sinceMs: number;
  /** The answer must reflect this revision; 0n: any. */
  readonly atLeast: Revision;
  readonly linearizable: boolean;
  /** C7: may the best known answer be given, flagged, while the store is unreachable? */
  readonly mayDegrade: boolean;
  readonly callStartedAtMs: number;
  /** Until when a better answer than a degraded one is waited for. */
  readonly deadlineAtMs: number;
  /** Until when an answer is waited for where no cache has one. */
  readonly callDeadlineAtMs: number;
  /** Whose signal only who waits asks for: making one costs as much as the rest of a hit. */
  readonly call: Pick<Call, 'signal'>;
}

export function needOf(consistency: Consistency, call: Call, stalenessMs: number): Need {
  const { maxStalenessMs, atLeastRevision = 0n, linearizable } = consistency;
  const mayDegrade = maxStalenessMs === undefined && !linearizable;
  return {
    sinceMs: linearizable ? call.startedAtMs : call.startedAtMs - (maxStalenessMs ?? stalenessMs),
    atLeast: atLeastRevision,
    linearizable,
    mayDegrade,
    callStartedAtMs: call.startedAtMs,
    // Whoever may take a degraded answer does not wait long for a better one.
    deadlineAtMs: mayDegrade ? Math.min(call.deadlineAtMs, call.startedAtMs + STORE_PATIENCE_MS) : call.deadlineAtMs,
    callDeadlineAtMs: call.deadlineAtMs,
    call,
  };
}

export function revisionLost(requested: Revision, head: Revision): ParamdError {
  return new ParamdError({ reason: 'REVISION_LOST', requested, head });
}

/** What the store's failure means to a caller. Faults of ours pass through. */
export function callerError(error: unknown): unknown {
  if (!(error instanceof StoreError)) return error;
  if (error.kind === 'internal' || error.kind === 'data') return error;
  return new ParamdError({ reason: 'STORE_UNREACHABLE', why: error.message }, { cause: error });
}

/** C7: gives whoever may take it the best known answer. A store too slow to prove a better one in time is away, too. */
export function isUnreachable(error: unknown): boolean {
  if (error instanceof StoreError) return error.kind !== 'internal' && error.kind !== 'data';
  if (!(error instanceof ParamdError)) return false;
  return error.failure.reason === 'STORE_UNREACHABLE' || error.failure.reason === 'CONSISTENCY_NOT_MET';
}

/** What a load waits for. */
export const STORED = 'what the store holds';

/** Time is up: is the store away, or only slow to prove what was asked for? */
export function tooLate(storeReachable: boolean, applied: Revision, wanted: string): ParamdError {
  if (!storeReachable) return new ParamdError({ reason: 'STORE_UNREACHABLE', why: 'it did not answer in time' });
  return new ParamdError({ reason: 'CONSISTENCY_NOT_MET', revision: applied, wanted });
}
