import { Metadata, status } from '@grpc/grpc-js';
import {
  CacheServiceClient,
  type GetStatsResponse,
  type WarmCacheResponse,
} from '../../gen/parameter/v1/cache_service.ts';
import type { Freshness } from '../../gen/parameter/v1/freshness.ts';
import type { Parameter, Value } from '../../gen/parameter/v1/parameter.ts';
import {
  type BatchGetParametersResponse,
  type CommitResponse,
  type ListParametersResponse,
  ParameterServiceClient,
} from '../../gen/parameter/v1/parameter_service.ts';
import { type CallDefaults, type CallSettings, responses, unary } from './call.ts';
import { channelCredentials, channelOptions, resolvable, type TlsSettings } from './channel.ts';
import { checkHealth, type HealthStatus } from './health.ts';
import {
  type CommitOperation,
  type CommitSettings,
  commitRequest,
  consistencyOf,
  type DeleteSettings,
  deleteRequest,
  type ReadSettings,
  type SetSettings,
  setRequest,
} from './requests.ts';
import { ParamdRpcError } from './rpc-error.ts';
import type { NativeValue } from './values.ts';
import { resumingWatch, type WatchItem, type WatchSelection, type WatchSettings } from './watch.ts';

export interface ConnectSettings {
  /** "host:port", where a name may stand for many addresses, or several IP addresses: "10.0.0.1:50051,10.0.0.2:50051". */
  readonly target: string;
  /** By default plain text. */
  readonly tls?: TlsSettings | undefined;
  /** Of calls that say nothing else; 5 s. */
  readonly timeoutMs?: number | undefined;
  /** Recorded as updated_by of writes, unless the server authenticates its callers. Printable ASCII. */
  readonly actor?: string | undefined;
}

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

/** Every method fails with ParamdRpcError, or with its signal's reason. */
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
  close(): void;
}

/** Of one call, within its timeout. */
const ATTEMPTS_MAX = 4;

/**
 * A client; it connects at its first call, and again whenever it must.
 * @throws TypeError if the target is none, or the actor is not printable ASCII
 */
export function connect({ target, tls, timeoutMs = 5_000, actor }: ConnectSettings): ParamdClient {
  const parameters = new ParameterServiceClient(
    resolvable(target),
    channelCredentials(tls),
    channelOptions(target, tls),
  );
  const caches = new CacheServiceClient(target, channelCredentials(tls), { channelOverride: parameters.getChannel() });
  const defaults: CallDefaults = { metadata: metadataOf(actor), timeoutMs, attemptsMax: ATTEMPTS_MAX };
  return {
    get: async (key, settings = {}) =>
      unary(
        parameters.getParameter.bind(parameters),
        { key, consistency: consistencyOf(settings) },
        settings,
        defaults,
      ).then(({ parameter, freshness }) => ({ parameter: given(parameter), freshness: given(freshness) }), absent),
    getMany: async (keys, settings = {}) =>
      unary(
        parameters.batchGetParameters.bind(parameters),
        { keys: [...keys], consistency: consistencyOf(settings) },
        settings,
        defaults,
      ),
    list: (prefix, settings = {}) => pages(parameters, prefix, settings, defaults),
    set: async (key, value, settings = {}) => {
      const request = setRequest(key, value, settings);
      const { parameter } = await unary(parameters.setParameter.bind(parameters), request, settings, defaults);
      return given(parameter);
    },
    delete: async (key, settings = {}) => {
      const request = deleteRequest(key, settings);
      return (await unary(parameters.deleteParameter.bind(parameters), request, settings, defaults)).revision;
    },
    commit: async (operations, settings = {}) =>
      unary(parameters.commit.bind(parameters), commitRequest(operations, settings), settings, defaults),
    watch: (selection, settings = {}) =>
      resumingWatch(
        (request) => responses(() => parameters.watch(request, defaults.metadata), settings.signal),
        selection,
        settings,
      ),
    stats: (settings = {}) => unary(caches.getStats.bind(caches), {}, settings, defaults),
    warm: (prefix, { keysPerSecondMax = 0, signal } = {}) =>
      responses(() => caches.warmCache({ prefix, maxKeysPerSecond: keysPerSecondMax }, defaults.metadata), signal),
    health: (service = '', settings = {}) =>
      unary(checkHealth(parameters), service, settings, { ...defaults, attemptsMax: 1 }),
    close: () => parameters.close(),
  };
}

/** "Not found" with its freshness is an answer; without it, it came from something else than a read. */
function absent(error: unknown): Found {
  if (error instanceof ParamdRpcError && error.code === status.NOT_FOUND && error.details.freshness !== undefined) {
    return { parameter: undefined, freshness: error.details.freshness };
  }
  throw error;
}

/** What every answer of paramd has. */
function given<T>(part: T | undefined): T {
  if (part === undefined) throw new ParamdRpcError(status.INTERNAL, 'the answer is incomplete: this is no paramd');
  return part;
}

async function* pages(
  client: ParameterServiceClient,
  prefix: string,
  settings: ListSettings,
  defaults: CallDefaults,
): AsyncGenerator<ListParametersResponse, void, undefined> {
  const { pageSize = 0, keysOnly = false } = settings;
  const request = { prefix, consistency: consistencyOf(settings), pageSize, keysOnly, pageToken: '' };
  do {
    const page = await unary(client.listParameters.bind(client), { ...request }, settings, defaults);
    request.pageToken = page.nextPageToken;
    yield page;
  } while (request.pageToken !== '');
}

function metadataOf(actor: string | undefined): Metadata {
  const metadata = new Metadata();
  if (actor !== undefined && actor !== '') {
    if (!/^[\x20-\x7e]{1,256}$/.test(actor)) throw new TypeError('actor: 1 to 256 printable ASCII characters');
    metadata.set('paramd-actor', actor);
  }
  return metadata;
}
