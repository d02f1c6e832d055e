import { status } from '@grpc/grpc-js';
import { GetStatsResponse, WarmCacheRequest, type WarmCacheResponse } from '../../../gen/parameter/v1/cache_service.ts';
import { Parameter } from '../../../gen/parameter/v1/parameter.ts';
import {
  BatchGetParametersRequest,
  BatchGetParametersResponse,
  CommitRequest,
  CommitResponse,
  DeleteParameterRequest,
  GetParameterRequest,
  GetParameterResponse,
  ListParametersRequest,
  ListParametersResponse,
  SetParameterRequest,
  WatchRequest,
  WatchResponse,
} from '../../../gen/parameter/v1/parameter_service.ts';
import type { LastSeen } from '../last-seen.ts';
import type { NearCacheClient } from '../near-cache/open-near-cache.ts';
import type { Found, ListSettings, ParamdClient } from '../paramd-client.ts';
import { commitRequest, consistencyOf, deleteRequest, type ReadSettings, setRequest } from '../requests.ts';
import { ParamdRpcError } from '../rpc-error.ts';
import { resumingWatch, type WatchItem, type WatchSelection, type WatchSettings } from '../watch.ts';
import type { MemoryServer } from './memory-server.ts';
import { received, sent } from './over-the-wire.ts';
import type { Method, ServerLink } from './server-link.ts';

const SERVICES = ['', 'parameter.v1.ParameterService', 'parameter.v1.CacheService'];

/** How methods get to their answers. */
interface Way {
  readonly server: MemoryServer;
  readonly link: ServerLink;
  readonly lastSeen: LastSeen;
}

/** The methods of the client: recorded, and they fail when they are told to. */
export function ofUsers(way: Way): Pick<ParamdClient, Method> {
  const { server, link } = way;
  return {
    get: link.recorded('get', (key, settings = {}) => link.call('get', settings, () => get(way, key, settings))),
    getMany: link.recorded('getMany', (keys, settings = {}) =>
      link.call('getMany', settings, () => getMany(way, keys, settings)),
    ),
    list: link.recorded('list', (prefix, settings = {}) => list(way, prefix, settings)),
    set: link.recorded('set', (key, value, settings = {}) =>
      link.call('set', settings, () => {
        const { parameter } = server.set(setOf(key, value, settings));
        way.lastSeen.note(parameter?.revision);
        return received(Parameter, parameter!);
      }),
    ),
    delete: link.recorded('delete', (key, settings = {}) =>
      link.call('delete', settings, () => {
        const { revision } = server.delete(sent(DeleteParameterRequest, deleteRequest(key, settings)));
        way.lastSeen.note(revision);
        return revision;
      }),
    ),
    commit: link.recorded('commit', (operations, settings = {}) =>
      link.call('commit', settings, () => {
        const answer = server.commit(sent(CommitRequest, commitRequest(operations, settings)));
        way.lastSeen.note(answer.revision);
        return received(CommitResponse, answer);
      }),
    ),
    watch: link.recorded('watch', (selection, settings = {}) =>
      watch(way, selection, settings, () => link.failIfTold('watch')),
    ),
    stats: link.recorded('stats', (settings = {}) =>
      link.call('stats', settings, () => received(GetStatsResponse, server.stats())),
    ),
    warm: link.recorded('warm', (prefix, { keysPerSecondMax = 0, signal } = {}) =>
      warm(way, { prefix, maxKeysPerSecond: keysPerSecondMax }, signal),
    ),
    health: link.recorded('health', (service = '', settings = {}) =>
      link.call('health', settings, () => {
        if (SERVICES.includes(service)) return 'SERVING';
        throw new ParamdRpcError(status.NOT_FOUND, 'this server has no such service');
      }),
    ),
  };
}

/** What near caches ask by themselves is no call of the user's. */
export function ofNearCaches(way: Way): NearCacheClient {
  return {
    getMany: async (keys, settings = {}) => {
      way.link.reach(settings.signal);
      return getMany(way, keys, settings);
    },
    watch: (selection, settings = {}) => watch(way, selection, settings, () => {}),
  };
}

export function setOf(...request: Parameters<typeof setRequest>): SetParameterRequest {
  return sent(SetParameterRequest, setRequest(...request));
}

function get({ server, lastSeen }: Way, key: string, settings: ReadSettings): Found {
  const found = server.get(sent(GetParameterRequest, { key, consistency: consistencyOf(settings) }));
  lastSeen.note(found.freshness.revision);
  const { parameter, freshness } = received(GetParameterResponse, found);
  return { parameter, freshness: freshness! };
}

function getMany({ server, lastSeen }: Way, keys: readonly string[], settings: ReadSettings) {
  const request = { keys: [...keys], consistency: consistencyOf(settings) };
  const answer = server.batchGet(sent(BatchGetParametersRequest, request));
  lastSeen.note(answer.freshness?.revision);
  return received(BatchGetParametersResponse, answer);
}

async function* list(
  { server, link, lastSeen }: Way,
  prefix: string,
  settings: ListSettings,
): AsyncGenerator<ListParametersResponse> {
  const { pageSize = 0, keysOnly = false, signal } = settings;
  const request = { prefix, consistency: consistencyOf(settings), pageSize, keysOnly, pageToken: '' };
  const pages = server.list(sent(ListParametersRequest, request));
  for (;;) {
    link.reach(signal);
    link.failIfTold('list');
    const { value: page } = pages.next();
    if (!page) return;
    lastSeen.note(page.freshness?.revision);
    yield received(ListParametersResponse, page);
  }
}

/** @param opening may throw what opening a stream ends with */
async function* watch(
  { server, link, lastSeen }: Way,
  selection: WatchSelection,
  settings: WatchSettings,
  opening: () => void,
): AsyncGenerator<WatchItem> {
  const { signal } = settings;
  async function* open(request: WatchRequest): AsyncGenerator<WatchResponse> {
    link.reach(signal);
    opening();
    for await (const response of server.watch(sent(WatchRequest, request), link.openStream(), signal)) {
      yield received(WatchResponse, response);
    }
  }
  /** No time passes: the next stream may be opened once there is a server. */
  async function pause(): Promise<void> {
    while (link.unavailable && !link.closed.aborted) await server.history.moved(signal);
  }
  for await (const item of resumingWatch(open, selection, settings, pause)) {
    lastSeen.note(item.revision);
    yield item;
  }
}

async function* warm(
  { server, link }: Way,
  request: WarmCacheRequest,
  signal: AbortSignal | undefined,
): AsyncGenerator<WarmCacheResponse> {
  link.reach(signal);
  link.failIfTold('warm');
  yield server.warm(sent(WarmCacheRequest, request));
}
