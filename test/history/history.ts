/**
 * What a run recorded, in the form that the checker takes. All times are milliseconds of the recorder's one monotonic
 * clock; of two moments that are equal nothing is concluded, so a recorder on virtual time adds a little to each (but a
 * client's operations are in its order). Values are recorded as short texts that no two writes of a run share, so a value tells which write it is of.
 */
export interface History {
  /** In any order. */
  readonly operations: readonly Operation[];
  readonly watches: readonly WatchRecord[];
  readonly truth: Truth;
  /** When something was broken on purpose, for the traffic that must have gone on meanwhile. */
  readonly faults: readonly FaultWindow[];
  /** Z: the bound of answers that ask for no other. */
  readonly stalenessMs: number;
}

export type Operation = WriteRecord | ReadRecord;

interface Recorded {
  /** Each does one call at a time. */
  readonly client: number;
  readonly replica: string;
  readonly callMs: number;
  /** Infinity: it has not ended. */
  readonly returnMs: number;
}

export interface WriteRecord extends Recorded {
  readonly type: 'write';
  readonly operations: readonly WrittenOperation[];
  readonly conditions: readonly { readonly key: string; readonly revision: bigint }[];
  /** Empty: none. A retry is a record of its own with the same id. */
  readonly requestId: string;
  readonly outcome: WriteOutcome;
}

export type WrittenOperation =
  | { readonly type: 'set'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string };

export type WriteOutcome =
  /** Acknowledged. A delete of nothing has the revision at which the key did not exist. */
  | { readonly status: 'ok'; readonly revision: bigint }
  /** Refused: it was certainly not done. `reason` as in error_reason.proto. */
  | { readonly status: 'failed'; readonly reason: string }
  /** It may have been done, now or later, once. */
  | { readonly status: 'unknown'; readonly reason: string };

export interface ReadRecord extends Recorded {
  readonly type: 'read';
  readonly method: 'get' | 'batch' | 'list';
  /** Of a get one, of a batch several. Of a list: empty. */
  readonly keys: readonly string[];
  /** Of a list that was followed to its last page. */
  readonly prefix?: string;
  readonly maxStalenessMs?: number;
  readonly atLeastRevision?: bigint;
  readonly linearizable: boolean;
  readonly outcome: ReadOutcome;
}

export type ReadOutcome =
  | {
      readonly status: 'ok';
      /** freshness.revision */
      readonly revision: bigint;
      readonly degraded: boolean;
      /** freshness.staleness_bound; undefined: none was given. */
      readonly boundMs: number | undefined;
      /** What exists of what was asked for. */
      readonly found: ReadonlyMap<string, Found>;
    }
  | { readonly status: 'failed'; readonly reason: string };

export interface Found {
  readonly value: string;
  readonly revision: bigint;
  readonly createRevision: bigint;
  readonly version: bigint;
}

/** One call of Watch. One that resumes another is a record of its own, with `startRevision` behind what that one gave. */
export interface WatchRecord {
  readonly client: number;
  readonly replica: string;
  readonly openMs: number;
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
  readonly startRevision: bigint;
  readonly sendInitial: boolean;
  readonly includePrevious: boolean;
  readonly responses: readonly WatchResponseRecord[];
  /** The reason of the error that ended it; undefined: it was open, or left by the client. */
  readonly endedBy: string | undefined;
  readonly endMs: number;
  /** It was open at the end, and had all the time it needed: it must have come to the head. */
  readonly settled: boolean;
}

export interface WatchResponseRecord {
  readonly atMs: number;
  readonly kind: 'initial' | 'initial-complete' | 'changes' | 'progress';
  readonly revision: bigint;
  readonly events: readonly WatchedEvent[];
}

export interface WatchedEvent {
  readonly key: string;
  readonly type: 'put' | 'delete';
  readonly revision: bigint;
  /** Empty in a delete. */
  readonly value: string;
  /** Undefined: none came. */
  readonly previous: { readonly value: string; readonly revision: bigint } | undefined;
}

/** What really was: read from the store itself, never by way of a replica. */
export interface Truth {
  /** Oldest first. Without failovers one. */
  readonly eras: readonly Era[];
}

/** An epoch, with all that was ever committed in it: what a failover lost too, and what has been compacted since. */
export interface Era {
  readonly epochNumber: bigint;
  readonly epochId: string;
  readonly startRevision: bigint;
  /** Up to and including it, the revisions of the eras before it (as they stood in `continues`) belong to it. */
  readonly keptRevision: bigint;
  /** Place in `eras` of the one whose store it goes on from. Of the first -1. */
  readonly continues: number;
  /** Oldest first. */
  readonly entries: readonly TrueEntry[];
  /** When its store ceased to be the primary; Infinity: never. Later acknowledgements of it count for nothing. */
  readonly endMs: number;
}

export interface TrueEntry {
  readonly revision: bigint;
  readonly batchId: string;
  readonly events: readonly TrueEvent[];
}

export interface TrueEvent {
  readonly key: string;
  readonly type: 'put' | 'delete';
  readonly value: string;
  readonly previous: { readonly value: string; readonly revision: bigint } | undefined;
  readonly createRevision: bigint;
  readonly version: bigint;
}

export interface FaultWindow {
  readonly name: string;
  readonly startMs: number;
  readonly healMs: number;
}

/** What `checkHistory` finds. */
export interface Report {
  /** Of each kind the first hundred. */
  readonly violations: readonly Violation[];
  /** How many there are of each kind. */
  readonly found: Readonly<Record<string, number>>;
  readonly counts: {
    readonly writes: number;
    readonly reads: number;
    readonly watches: number;
    readonly watchEvents: number;
    readonly duringFaults: number;
  };
}

export interface Violation {
  /** Of the contract of README.md: "C5". "traffic": too little of it to tell anything. */
  readonly promise: string;
  /** Which check: "stale read", "gap in a watch". Fixed texts. */
  readonly kind: string;
  /** For people: what was seen, and what should have been. */
  readonly message: string;
}
