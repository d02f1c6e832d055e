import type { GetStatsResponse, WarmCacheResponse } from '../../gen/parameter/v1/cache_service.ts';
import type { Freshness } from '../../gen/parameter/v1/freshness.ts';
import type { Parameter, Value } from '../../gen/parameter/v1/parameter.ts';
import type {
  BatchGetParametersResponse,
  CommitResponse,
  ListParametersResponse,
} from '../../gen/parameter/v1/parameter_service.ts';
import type { CallSettings } from './call.ts';
import type { HealthStatus } from './health.ts';
import type { NearCache, NearCacheSettings } from './near-cache/near-cache.ts';
import type { CommitOperation, CommitSettings, DeleteSettings, ReadSettings, SetSettings } from './requests.ts';
import type { NativeValue } from './values.ts';
import type { WatchItem, WatchSelection, WatchSettings } from './watch.ts';

export interface Found {
  /** Undefined: it does not exist. That is an answer too, as fresh as `freshness` says. */
  readonly parameter: Parameter | undefined;
  readonly freshness: Freshness;
}

export interface ListSettings extends ReadSettings {
  /** Parameters in one page: by default 100, at most 1000. */
  readonly pageSize?: number | undefined;
  /** Leave out the values. */
  readonly keysOnly?: boolean | undefined;
}

export interface WarmSettings {
  /** By default 5000. */
  readonly keysPerSecondMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Every method fails with ParamdRpcError, or with its signal's reason; with TypeError or RangeError for arguments that
 * cannot be sent at all.
 */
export interface ParamdClient {
  get(key: string, settings?: ReadSettings): Promise<Found>;
  /** At most 1000 keys, all as of one revision. */
  getMany(keys: readonly string[], settings?: ReadSettings): Promise<BatchGetParametersResponse>;
  /** Pages in the order of keys, all as of the first one's revision. The timeout is for each page. */
  list(prefix: string, settings?: ListSettings): AsyncIterable<ListParametersResponse>;
  /** Without a value it changes labels and cache TTL only. */
  set(key: string, value: NativeValue | Value | undefined, settings?: SetSettings): Promise<Parameter>;
  /** @returns the revision of the delete */
  delete(key: string, settings?: DeleteSettings): Promise<bigint>;
  /** All operations at one revision if all conditions hold, else nothing. 1 to 300 operations. */
  commit(operations: readonly CommitOperation[], settings?: CommitSettings): Promise<CommitResponse>;
  /** Every change once and in order, over broken connections too. Leaving the loop ends it. */
  watch(selection: WatchSelection, settings?: WatchSettings): AsyncIterable<WatchItem>;
  stats(settings?: CallSettings): Promise<GetStatsResponse>;
  /** Loads a prefix into the caches of one replica. Leaving the loop stops it. */
  warm(prefix: string, settings?: WarmSettings): AsyncIterable<WarmCacheResponse>;
  /** Of one service, by default of the whole server. */
  health(service?: string, settings?: CallSettings): Promise<HealthStatus>;
  /**
   * Keeps all under some prefixes in this process, for synchronous reads. Closing the client closes it too; only its own
   * `close` tells when the snapshot file is written.
   * @throws TypeError that names the setting that is wrong
   */
  cache(settings: NearCacheSettings): NearCache;
  /** The newest revision that this client has seen; reads reflect it unless they are told otherwise (C3). */
  readonly lastSeenRevision: bigint;
  /** Ends watches and near caches. Calls in flight may finish; new ones fail. */
  close(): void;
}
