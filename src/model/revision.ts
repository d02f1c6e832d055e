/** The place of a committed write in the one order. 1, 2, 3 … within an epoch. 0: before the first write. */
export type Revision = bigint;

/**
 * A stretch of history on one incarnation of the store.
 *
 * Revisions of epoch n start at n · 2⁴⁰ + random below 2³⁹ (epoch 0 at 1), so that a number lost in a failover is never
 * issued again.
 */
export interface Epoch {
  readonly number: bigint;
  /** 32 hexadecimal digits, random. */
  readonly id: string;
  /** The revision that its first write gets. */
  readonly startRevision: Revision;
  /** The last revision of the epochs before that is vouched for: what lies between it and `startRevision` is lost. */
  readonly lostAfter: Revision;
  /** System identifier and WAL timeline of the PostgreSQL that it began on. */
  readonly incarnation: string;
}

/** What the head row told, and who told it. */
export interface Head {
  /** Newest committed revision. */
  readonly revision: Revision;
  /** Of the batch that committed it; empty before the first. */
  readonly batchId: string;
  /** History up to and including it is gone. */
  readonly compactRevision: Revision;
  readonly epoch: Epoch;
  /** Incarnation of the server that answered. Another one than `epoch.incarnation`: a new epoch is due. */
  readonly incarnation: string;
}

export const EPOCH_STRIDE = 1n << 40n;
/** Random part of an epoch's start stays below this. */
export const EPOCH_OFFSET_MAX = 1n << 39n;

export function newer(one: Revision, other: Revision): Revision {
  return one > other ? one : other;
}

export function older(one: Revision, other: Revision): Revision {
  return one < other ? one : other;
}
