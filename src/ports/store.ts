import type { LogEntry } from '../model/event.ts';
import type { Parameter } from '../model/parameter.ts';
import type { Epoch, Head, Revision } from '../model/revision.ts';
import type { Batch, Outcome } from '../model/write.ts';

/**
 * The store: one ordered log and the state it leads to.
 *
 * Every answer carries the head read in the same statement; the caller compares its epoch and incarnation with its own
 * and discards the answer on a mismatch. Every method fails with StoreError and nothing else.
 */
export interface Store {
  /** Who this store is. Read once at start. */
  installation(): Promise<Installation>;
  /** All epochs, oldest first. */
  epochs(): Promise<readonly Epoch[]>;
  readHead(): Promise<Head>;
  /** The parameters under these keys (at most 1000, none twice), as of `head.revision`. */
  read(keys: readonly string[], limits: ReadLimits): Promise<StoreRead>;
  list(range: ListRange): Promise<ListedPage>;
  /** Whole revisions after `after`, oldest first. */
  readLog(request: LogRequest): Promise<LogPage>;
  /** One revision of the log; undefined: compacted or never written. */
  readEntry(revision: Revision): Promise<LogEntry | undefined>;
  /**
   * Does each write of the batch or refuses it, in one call.
   * The same batch id again gets the first answer again. Throws StoreError; `ambiguous` if it may have been done.
   */
  commit(batch: Batch, expected: Expected): Promise<Committed>;
  /**
   * Begins the epoch after `expected`, unless it or a later one is there already. Idempotent, safe from several replicas.
   * A store whose epoch has a lower number than `expected` is an older copy: it goes on beyond that number.
   * @param lostAfter newest revision that the caller knows to be common to what it applied and what the store has
   * @param seen what made the caller ask for it; a server of which it cannot be begins none
   */
  startEpoch(expected: Epoch, lostAfter: Revision, seen?: Head): Promise<Head>;
  /** What had this head, or these epochs, came from a server that is not the primary: the connection is not used again. */
  forsake?(told: Head | readonly Epoch[]): void;
  /** Housekeeping, run by jobs. */
  readonly upkeep: StoreUpkeep;
  close(): Promise<void>;
}

/**
 * Was this seen of another server than the one that has this head? While connections lead to several servers that take
 * themselves for the primary, what one of them says is no reason to begin an epoch on another.
 */
export function isOfAnother(seen: Head, head: Head, expected: Epoch): boolean {
  if (seen.incarnation !== head.incarnation) return true;
  return seen.epoch.id !== expected.id && head.epoch.id === expected.id;
}

/** Idempotent; may run on several replicas at once. */
export interface StoreUpkeep {
  /** Drops history older than `historyMs`. Never beyond what remembered requests still need. */
  compact(historyMs: number): Promise<{ readonly compactRevision: Revision; readonly dropped: number }>;
  /** Forgets request ids older than an hour, and batches that nothing refers to any more. */
  trim(): Promise<{ readonly requests: number; readonly batches: number }>;
  /** Makes partitions of the log before they are needed, the next epoch's too. */
  extend(): Promise<{ readonly created: number }>;
}

export interface Installation {
  /** 32 hexadecimal digits, made by the first migration. */
  readonly id: string;
  /** 32 random bytes: authenticates what is in Valkey, and page tokens. Never logged. */
  readonly secret: Uint8Array;
  /** For people: "PostgreSQL 18.4 at 127.0.0.1:5432/paramd". */
  readonly description: string;
}

export interface ReadLimits {
  /** Of the values together. More: StoreError `too-large`. */
  readonly bytesMax: number;
}

export interface StoreRead {
  readonly head: Head;
  /** Those that exist. */
  readonly parameters: ReadonlyMap<string, Parameter>;
}

/** Part of the state, in the order of keys as UTF-8 bytes. */
export interface ListRange {
  /** '' is everything. */
  readonly prefix: string;
  /** Only keys behind this one. Undefined: from the first. */
  readonly after?: string | undefined;
  /** The state at exactly this revision; undefined: at the head. Below head.compactRevision the page is not to be used. */
  readonly asOf?: Revision | undefined;
  readonly limit: number;
  /** Stops before it would pass this, but gives at least one parameter. */
  readonly bytesMax: number;
  readonly keysOnly: boolean;
}

export interface ListedPage {
  readonly head: Head;
  readonly parameters: readonly Parameter[];
  /** There is more behind the last one. */
  readonly more: boolean;
}

export interface LogRequest {
  readonly after: Revision;
  /** At least one entry comes, if there is one, however large. */
  readonly entriesMax: number;
  readonly bytesMax: number;
  /** False: keys and revisions only, `parameter` and `previous` are undefined. */
  readonly values: boolean;
  /** Which connection: the tailer has its own, so that a watcher's catch-up never delays it. */
  readonly lane: 'tailer' | 'catch-up';
}

export interface LogPage {
  readonly head: Head;
  /** Batch id of revision `after`; empty just before the first of an epoch. Undefined: compacted, or never written. */
  readonly batchIdAtAfter: string | undefined;
  /** Empty though head.revision > after: after < head.compactRevision, history is gone. */
  readonly entries: readonly LogEntry[];
}

/** What the writer knows of the log; the store refuses the batch with `epoch-changed` if its own log disagrees. */
export interface Expected {
  readonly epochId: string;
  readonly applied: Revision;
  /** Batch id at `applied`; empty: not known, not checked. */
  readonly batchIdAtApplied: string;
}

export interface Committed {
  /** One for each write, in their order. */
  readonly outcomes: readonly Outcome[];
  /** Revisions that the batch took, `to` < `from` if none. */
  readonly from: Revision;
  readonly to: Revision;
  /** Of the batch that committed `from` - 1. */
  readonly previousBatchId: string;
  /** In which it was done. For a batch that is sent again, perhaps an earlier one than expected. */
  readonly epochId: string;
}

export type StoreErrorKind =
  /** Not done; the store cannot be reached, or is no primary. */
  | 'unreachable'
  /** Sent, and the answer lost: it may have been done. Only from commit(). */
  | 'ambiguous'
  /** Not done: a write in the batch is one that PostgreSQL cannot take. Only from commit(). */
  | 'data'
  /** Not done: another epoch, incarnation or log than expected. */
  | 'epoch-changed'
  /** The answer would pass bytesMax. */
  | 'too-large'
  /** A fault of ours, such as a missing partition. */
  | 'internal';

export class StoreError extends Error {
  readonly kind: StoreErrorKind;
  constructor(kind: StoreErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreError';
    this.kind = kind;
  }
}
