import type { PackedHistogram } from './latency-histogram.ts';

/** What a process of the load is to be. It is told once; then it is told runs, and answers each with a round. */
export type LoadOrder = CallsOrder | ValkeyOrder | PostgresOrder | EventsOrder | ResumeOrder | WatchersOrder;

export interface Keys {
  readonly prefix: string;
  readonly count: number;
  /** Some far more often than others, with this exponent; undefined: one after the other. */
  readonly zipf?: number;
  /** So many calls in a row ask for the same one. */
  readonly repeat?: number;
}

/** Calls of one kind, on so many connections in turn. */
export interface CallsOrder {
  readonly kind: 'calls';
  readonly dialect: DialectName;
  readonly operation: 'read' | 'readMany' | 'list' | 'write' | 'writeMany' | 'mixed';
  readonly targets: readonly string[];
  readonly connections: number;
  readonly keys: Keys;
  /** Keys of one call, where it has several. */
  readonly batch: number;
}

export interface ValkeyOrder {
  readonly kind: 'valkey';
  readonly url: string;
  readonly keys: Keys;
  /** Of each value. */
  readonly bytes: number;
}

export interface PostgresOrder {
  readonly kind: 'postgres';
  readonly operation: 'select' | 'upsert';
  readonly url: string;
  readonly connections: number;
  readonly keys: Keys;
}

/** A write, until every watcher has its event. */
export interface EventsOrder {
  readonly kind: 'events';
  readonly dialect: DialectName;
  readonly writeTo: string;
  readonly watchAt: string;
  readonly watchers: number;
  readonly watchConnections: number;
  readonly keys: Keys;
}

/** A watch from an earlier revision, until it has so many events. */
export interface ResumeOrder {
  readonly kind: 'resume';
  readonly dialect: DialectName;
  readonly target: string;
  readonly prefix: string;
  readonly fromRevision: number;
  readonly events: number;
}

/** Watches that are told nothing; its runs only wait. */
export interface WatchersOrder {
  readonly kind: 'watchers';
  readonly dialect: DialectName;
  readonly target: string;
  readonly prefix: string;
  readonly watchers: number;
  readonly connections: number;
}

export type DialectName = 'paramd' | 'etcd';

export type Run =
  /** Each call in flight begins when the one before it has its answer. */
  | { readonly kind: 'closed'; readonly inFlight: number; readonly seconds: number }
  /** Calls begin at their time, whatever became of those before; latencies count from then. */
  | { readonly kind: 'open'; readonly perSecond: number; readonly seconds: number }
  /** All at once. */
  | { readonly kind: 'burst'; readonly calls: number };

export interface Round {
  readonly calls: number;
  readonly operations: number;
  readonly tookMs: number;
  readonly latencies: PackedHistogram;
  /** How many calls each tier answered. */
  readonly tiers: Readonly<Record<string, number>>;
  /** In words, and how often. */
  readonly failures: Readonly<Record<string, number>>;
  /** Of one core, of this process; undefined of an open loop, which watches the clock all the time. */
  readonly cpuShare?: number | undefined;
}

export type LoadAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'round'; readonly round: Round }
  | { readonly kind: 'failed'; readonly why: string };
