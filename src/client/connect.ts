import { Metadata, type MetadataValue, status } from '@grpc/grpc-js';
import { CacheServiceClient } from '../../gen/parameter/v1/cache_service.ts';
import type { Freshness } from '../../gen/parameter/v1/freshness.ts';
import { type ListParametersResponse, ParameterServiceClient } from '../../gen/parameter/v1/parameter_service.ts';
import { msOf } from './argument-checks.ts';
import { type CallDefaults, responses, type Unary, unary } from './call.ts';
import { channelCredentials, channelOptions, resolvable, type TlsSettings } from './channel.ts';
import { checkHealth } from './health.ts';
import { startLastSeen } from './last-seen.ts';
import { openNearCache } from './near-cache/open-near-cache.ts';
import type { Found, ListSettings, ParamdClient } from './paramd-client.ts';
import {
  type Consistent,
  commitRequest,
  consistencyOf,
  deleteRequest,
  type ReadSettings,
  setRequest,
} from './requests.ts';
import { RetryBudget } from './retry-budget.ts';
import { clientClosed, ParamdRpcError } from './rpc-error.ts';
import { Throttle } from './throttle.ts';
import { type OpenWatch, resumingWatch, type WatchItem, type WatchSelection, type WatchSettings } from './watch.ts';

/** Names as HTTP/2 has them, in lower case; those that end in "-bin" take bytes. */
export type MetadataHook = () => Record<string, MetadataValue> | Promise<Record<string, MetadataValue>>;

export interface ConnectSettings {
  /** "host:port", or several: "a:50051,b:50051". A name may stand for many addresses; calls go round robin over all. */
  readonly target: string;
  /** By default plain text. */
  readonly tls?: TlsSettings | undefined;
  /** Of calls that say nothing else; 5 s. */
  readonly timeoutMs?: number | undefined;
  /** Recorded as updated_by of writes, unless the server authenticates its callers. Printable ASCII. */
  readonly actor?: string | undefined;
  /** Asked for every attempt of every call: what else to send along, such as a token. */
  readonly metadata?: MetadataHook | undefined;
  /**
   * Reads reflect the newest revision that this client has seen by reads, writes and watches, so that they never go back,
   * whichever replica answers (C3); true by default. One read is told otherwise by its own `atLeastRevision`.
   */
  readonly carryRevision?: boolean | undefined;
}

/** Of one call, within its timeout. */
const ATTEMPTS_MAX = 4;

/**
 * A client; it connects at its first call, and again whenever it must.
 * @throws TypeError if the target is none, or the actor is not printable ASCII
 */
export function connect(settings: ConnectSettings): ParamdClient {
  const { target, tls, timeoutMs = 5_000, actor, metadata, carryRevision = true } = settings;
  const parameters = new ParameterServiceClient(
    resolvable(target),
    channelCredentials(tls),
    channelOptions(target, tls),
  );
  const caches = new CacheServiceClient(target, channelCredentials(tls), { channelOverride: parameters.getChannel() });
  const closing = new AbortController();
  const defaults: CallDefaults = {
    metadata: metadataOf(actor, metadata),
    timeoutMs: msOf('timeoutMs', timeoutMs),
    attemptsMax: ATTEMPTS_MAX,
    budget: new RetryBudget(),
    throttle: new Throttle(),
    closed: closing.signal,
  };
  const lastSeen = startLastSeen(carryRevision);
  const orClosed = (signal: AbortSignal | undefined) =>
    signal === undefined ? closing.signal : AbortSignal.any([signal, closing.signal]);

  /** One read: of what this client has seen or later. */
  async function read<Q extends object, S extends { readonly freshness: Freshness | undefined }>(
    start: Unary<Q & Consistent, S>,
    request: Q,
    settings: ReadSettings,
    carried = lastSeen.carried(settings),
  ): Promise<S> {
    const full = { ...request, consistency: consistencyOf(carried) };
    const answer = await lastSeen.reading(settings, carried, unary(start, full, settings, defaults));
    lastSeen.note(answer.freshness?.revision);
    return answer;
  }

  async function get(key: string, settings: ReadSettings = {}): Promise<Found> {
    try {
      const answer = await read(parameters.getParameter.bind(parameters), { key }, settings);
      return { parameter: given(answer.parameter), freshness: given(answer.freshness) };
    } catch (error) {
      const found = absent(error);
      lastSeen.note(found.freshness.revision);
      return found;
    }
  }

  async function* pages(prefix: string, settings: ListSettings): AsyncGenerator<ListParametersResponse> {
    const { pageSize = 0, keysOnly = false } = settings;
    const carried = lastSeen.carried(settings);
    let pageToken = '';
    do {
      const request = { prefix, pageSize, keysOnly, pageToken };
      const page = await read(parameters.listParameters.bind(parameters), request, settings, carried);
      pageToken = page.nextPageToken;
      yield page;
    } while (pageToken !== '');
  }

  async function* watch(selection: WatchSelection, settings: WatchSettings): AsyncGenerator<WatchItem> {
    const signal = orClosed(settings.signal);
    const open: OpenWatch = (request, patient) =>
      responses((metadata) => parameters.watch(request, metadata), defaults, signal, patient);
    for await (const item of resumingWatch(open, selection, { ...settings, signal })) {
      lastSeen.note(item.revision);
      yield item;
    }
  }

  const client: ParamdClient = {
    get,
    getMany: (keys, settings = {}) =>
      read(parameters.batchGetParameters.bind(parameters), { keys: [...keys] }, settings),
    list: (prefix, settings = {}) => pages(prefix, settings),
    set: async (key, value, settings = {}) => {
      const request = setRequest(key, value, settings);
      const answer = await unary(parameters.setParameter.bind(parameters), request, settings, defaults);
      lastSeen.note(answer.parameter?.revision);
      return given(answer.parameter);
    },
    delete: async (key, settings = {}) => {
      const request = deleteRequest(key, settings);
      const { revision } = await unary(parameters.deleteParameter.bind(parameters), request, settings, defaults);
      lastSeen.note(revision);
      return revision;
    },
    commit: async (operations, settings = {}) => {
      const request = commitRequest(operations, settings);
      const answer = await unary(parameters.commit.bind(parameters), request, settings, defaults);
      lastSeen.note(answer.revision);
      return answer;
    },
    watch: (selection, settings = {}) => watch(selection, settings),
    stats: (settings = {}) => unary(caches.getStats.bind(caches), {}, settings, defaults),
    warm: (prefix, { keysPerSecondMax = 0, signal } = {}) =>
      responses(
        (metadata) => caches.warmCache({ prefix, maxKeysPerSecond: keysPerSecondMax }, metadata),
        defaults,
        orClosed(signal),
      ),
    health: (service = '', settings = {}) =>
      unary(checkHealth(parameters), service, settings, { ...defaults, attemptsMax: 1 }),
    get lastSeenRevision() {
      return lastSeen.revision;
    },
    cache: (settings) => openNearCache(client, settings, undefined, closing.signal),
    close: () => {
      closing.abort(clientClosed());
      parameters.close();
    },
  };
  return client;
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

/** The actor and what the hook adds, made anew for every attempt. */
function metadataOf(actor: string | undefined, hook: MetadataHook | undefined): CallDefaults['metadata'] {
  const own = new Metadata();
  if (actor !== undefined && actor !== '') {
    if (!/^[\x20-\x7e]{1,256}$/.test(actor)) throw new TypeError('actor: 1 to 256 printable ASCII characters');
    own.set('paramd-actor', actor);
  }
  if (hook === undefined) return () => own;
  return async () => {
    const metadata = own.clone();
    for (const [name, value] of Object.entries(await hook())) metadata.set(name, value);
    return metadata;
  };
}
