import type { Kind, NativeValue } from '../values.ts';
import type { StandardSchema } from './standard-schema.ts';

export interface NearCacheSettings {
  /** What is kept in memory: 1 to 100 prefixes of keys. '' is everything. */
  readonly prefixes: readonly string[];
  /** How old an answer may be while the servers can be reached: 5 s by default, at least 1 s. Lower costs them more. */
  readonly maxStalenessMs?: number | undefined;
  /**
   * Kept up to date with the last known values; a process that finds no server starts from it. Only its owner can read
   * it. The folder must exist, and no two caches may share a file.
   */
  readonly snapshotFile?: string | undefined;
  /** Told while the first state arrives, about every 1000 parameters. */
  readonly onProgress?: ((loaded: number) => void) | undefined;
  /** For people: defaults used (once per key), the link lost and found. By default console.warn. */
  readonly log?: ((line: string) => void) | undefined;
}

/** Why a read answered what it did. */
export type ReadReason =
  /** From memory, in step with the servers. */
  | 'CACHE'
  /** From the snapshot file: no server was reached since the start. */
  | 'SNAPSHOT'
  /** The default: there is no such parameter. */
  | 'MISSING'
  /** The default: the parameter is of another kind, an integer beyond 2^53, no JSON, or not what the schema demands. */
  | 'WRONG_KIND'
  /** The default: nothing is loaded yet. */
  | 'NOT_READY';

export interface ReadDetail<T> {
  readonly value: T;
  readonly reason: ReadReason;
  /** Of the last write to the parameter; 0n where the default is given. */
  readonly revision: bigint;
  /**
   * The answer was current at most this long ago (C5), by this process' own clocks. Undefined: nothing is known, for
   * no server has confirmed it since the start, or since the servers came back with another store.
   */
  readonly stalenessBoundMs: number | undefined;
  /** The bound is unknown or beyond maxStalenessMs: the best known answer, as `degraded` ones of the servers are. */
  readonly degraded: boolean;
  /** Where the default is given: why, for people. */
  readonly problem?: string | undefined;
}

/** What each kind of read gives. */
export interface ReadTypes {
  string: string;
  /** An int or a double. */
  number: number;
  bigint: bigint;
  boolean: boolean;
  bytes: Uint8Array;
  /** Milliseconds, with a fraction down to the nanosecond as far as a double can. */
  duration: number;
  list: readonly string[];
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue };

export interface Change {
  readonly key: string;
  /** Undefined: deleted, or of a kind newer than this client. */
  readonly value: NativeValue | undefined;
  /** Undefined: it did not exist, or was of such a kind. */
  readonly previous: NativeValue | undefined;
  /** At which it changed; of a state that was loaded anew, the one of that state. */
  readonly revision: bigint;
}

/** Exactly one key, or all keys under a prefix. */
export type ChangeSelection = string | { readonly prefix: string };

export interface WaitSettings {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface DefaultsUsed {
  readonly count: number;
  /** Of the last one. */
  readonly reason: ReadReason;
}

/**
 * Parameters in the memory of this process, fed by one Watch. Reads are synchronous, never fail for want of a server,
 * and give the default where there is no value of that type. All reads of one turn of the event loop (with no `await`
 * between them) are as of one revision. A key under none of the prefixes is a TypeError, for it would be the default
 * for ever.
 */
export interface NearCache {
  string(key: string, fallback: string): string;
  /** An int or a double. Integers beyond 2^53 are refused, not rounded: `bigint` has them. */
  number(key: string, fallback: number): number;
  bigint(key: string, fallback: bigint): bigint;
  boolean(key: string, fallback: boolean): boolean;
  /** The cache's own bytes: not to be changed. */
  bytes(key: string, fallback: Uint8Array): Uint8Array;
  /** Milliseconds. */
  duration(key: string, fallbackMs: number): number;
  /** A list of strings, frozen. */
  list(key: string, fallback: readonly string[]): readonly string[];
  /** Parsed once per value, and frozen. */
  json(key: string, fallback: JsonValue): JsonValue;
  /**
   * As the schema (zod, valibot, arktype and others) puts it out; checked once per value, so keep the schema.
   * @throws TypeError: the schema is asynchronous (to zod, one with a transform that throws is)
   */
  json<T>(key: string, fallback: T, schema: StandardSchema<T>): T;

  /** The same reads, with what the answer is worth. */
  detail<K extends keyof ReadTypes>(kind: K, key: string, fallback: ReadTypes[K]): ReadDetail<ReadTypes[K]>;
  detail(kind: 'json', key: string, fallback: JsonValue): ReadDetail<JsonValue>;
  detail<T>(kind: 'json', key: string, fallback: T, schema: StandardSchema<T>): ReadDetail<T>;

  has(key: string): boolean;
  kindOf(key: string): Kind | undefined;
  /** All that is known under a prefix, by default everything, in no particular order, as of one revision. */
  entries(prefix?: string): IterableIterator<[key: string, value: NativeValue]>;
  readonly size: number;

  /** Everything up to it is reflected; 0n before the first state. */
  readonly revision: bigint;
  /** Of what is held now, as in ReadDetail. */
  readonly stalenessBoundMs: number | undefined;
  readonly degraded: boolean;
  /** Where what is held came from: the servers, the snapshot file, or nothing is held yet. */
  readonly source: 'CACHE' | 'SNAPSHOT' | 'NOT_READY';
  /** By key, at most 10,000 keys: how often a default stood in. */
  readonly defaultsUsed: ReadonlyMap<string, DefaultsUsed>;

  /**
   * Resolves once there are values, and it was asked how old they are: from a server, or, when none can be reached or
   * none answers in time, from the snapshot file.
   * @throws NearCacheTimeout with neither; it goes on trying all the same. By default 10 s.
   */
  ready(settings?: WaitSettings): Promise<'CACHE' | 'SNAPSHOT'>;
  /** Resolves once the revision is reflected: what was written, is read. @throws NearCacheTimeout; by default 10 s */
  atLeast(revision: bigint, settings?: WaitSettings): Promise<void>;
  /**
   * Calls back for every change, in order, once all of its revision is in place. The first state is no change. What a
   * listener throws is logged. @returns how to end it
   */
  onChange(selection: ChangeSelection, listener: (change: Change) => void): () => void;
  /** Calls back when answers become degraded, and when they are not any more; at first they are. @returns how to end it */
  onDegraded(listener: (degraded: boolean) => void): () => void;
  /** Ends the watch and writes the snapshot file. Reads go on, with what is known. */
  close(): Promise<void>;
}

/**
 * It did not come about in time, or cannot any more. `cause`: why the servers were not reached, if that is known; a
 * ParamdRpcError, or what the client's hook for metadata threw.
 */
export class NearCacheTimeout extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = 'NearCacheTimeout';
  }
}
