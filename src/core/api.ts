import type { Freshness, Tier } from '../model/errors.ts';
import type { Event } from '../model/event.ts';
import type { Parameter } from '../model/parameter.ts';
import type { Revision } from '../model/revision.ts';
import type { Write } from '../model/write.ts';
import type { BusState } from '../ports/bus.ts';

/**
 * What the core does for whoever calls it (rpc/, jobs, simulation). Everything fails with ParamdError.
 * Times are milliseconds on the clock port's monotonic clock.
 */
export interface ParamdCore {
  /** At once from the near cache: a promise costs as much as the look-up. */
  get(key: string, consistency: Consistency, call: Call): Read | Promise<Read>;
  /** At most 1000 keys, none twice. */
  getMany(keys: readonly string[], consistency: Consistency, call: Call): Promise<ManyRead>;
  list(request: ListRequest, call: Call): Promise<ListedPage>;
  write(write: Write, call: Call): Promise<Written>;
  watch(request: WatchSpec, call: Call): Watch;
  warm(request: WarmRequest, call: Call): AsyncIterable<WarmProgress>;
  status(): Status;
}

/** Of one call. */
export interface Call {
  readonly startedAtMs: number;
  /** When an answer is due. Infinity for watches. */
  readonly deadlineAtMs: number;
  /** Aborts when the caller has left. */
  readonly signal: AbortSignal;
  /** Whom writes are fair between: the connection. */
  readonly source?: string | undefined;
}

/** What a read demands; all that is set holds together. */
export interface Consistency {
  readonly maxStalenessMs?: number | undefined;
  readonly atLeastRevision?: Revision | undefined;
  readonly linearizable: boolean;
}

export interface Read {
  /** As ParameterCodec encodes it; null: the key does not exist. */
  readonly parameter: Uint8Array | null;
  readonly freshness: Freshness;
}

export interface ManyRead {
  /** In the order of the keys asked for. */
  readonly parameters: readonly Uint8Array[];
  readonly missingKeys: readonly string[];
  readonly freshness: Freshness;
}

export interface ListRequest {
  readonly prefix: string;
  /** Of the first page. */
  readonly consistency: Consistency;
  readonly limit: number;
  readonly keysOnly: boolean;
  /** Of a later page. */
  readonly cursor?: PageCursor | undefined;
}

/** Where the next page begins, and which state it belongs to. */
export interface PageCursor {
  readonly revision: Revision;
  readonly after: string;
}

export interface ListedPage {
  readonly parameters: readonly Uint8Array[];
  readonly freshness: Freshness;
  readonly next: PageCursor | undefined;
}

export interface Written {
  /** 0n: validateOnly. */
  readonly revision: Revision;
  /** One for each set operation, in their order. */
  readonly parameters: readonly Parameter[];
}

export interface WatchSpec {
  /** Together 1 to 100; what several match is delivered once. */
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
  /** 0n: from now on. */
  readonly startRevision: Revision;
  readonly sendInitial: boolean;
  readonly includePrevious: boolean;
  readonly progressIntervalMs: number;
}

export type WatchBatch =
  | { readonly kind: 'initial'; readonly parameters: readonly Parameter[] }
  | { readonly kind: 'initial-complete'; readonly revision: Revision }
  | {
      readonly kind: 'changes';
      readonly revision: Revision;
      /** The same array for every watch with the same matches of one revision, so that it can be encoded once. */
      readonly groups: readonly (readonly Event[])[];
    }
  | { readonly kind: 'progress'; readonly revision: Revision };

/**
 * One watch. `next` gives what is to be sent now, or waits; only one call at a time, and the next one only when the
 * former batch has left the process: this is the backpressure (C11). It rejects with the ParamdError that ends the watch.
 */
export interface Watch {
  next(): Promise<WatchBatch>;
  /** Idempotent. A pending `next` rejects with CANCELLED. */
  close(): void;
}

export interface WarmRequest {
  readonly prefix: string;
  readonly keysPerSecondMax: number;
}

export interface WarmProgress {
  readonly warmedKeys: number;
  readonly complete: boolean;
}

export interface TierStatus {
  readonly tier: Tier;
  readonly hits: number;
  readonly misses: number;
  readonly entries: number;
  readonly bytes: number;
  readonly evictions: number;
}

export interface Status {
  readonly tiers: readonly TierStatus[];
  readonly applied: Revision;
  /** Age of the proof that `applied` was the head. */
  readonly freshnessAgeMs: number;
  readonly busState: BusState;
  readonly loads: number;
  readonly watchers: number;
  /** Bytes queued for all watches. */
  readonly watchQueueBytes: number;
  readonly storeReachable: boolean;
  readonly epochNumber: bigint;
  /** Compacted up to and including, as last seen. */
  readonly compactRevision: Revision;
}
