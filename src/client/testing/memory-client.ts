import { status } from '@grpc/grpc-js';
import { GetStatsResponse, WarmCacheRequest } from '../../../gen/parameter/v1/cache_service.ts';
import { Parameter, type Value } from '../../../gen/parameter/v1/parameter.ts';
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
import { startLastSeen } from '../last-seen.ts';
import type { ListSettings, ParamdClient } from '../paramd-client.ts';
import { commitRequest, consistencyOf, deleteRequest, setRequest } from '../requests.ts';
import { ParamdRpcError } from '../rpc-error.ts';
import type { NativeValue } from '../values.ts';
import { resumingWatch, type WatchItem, type WatchSelection, type WatchSettings } from '../watch.ts';
import { MemoryServer } from './memory-server.ts';
import { received, sent } from './over-the-wire.ts';

/** Of ParamdClient, those that go to a server. */
export type Method = Exclude<keyof ParamdClient, 'cache' | 'close' | 'lastSeenRevision'>;

export interface MemoryCall {
  readonly method: Method;
  /** As they were given. */
  readonly args: readonly unknown[];
}

/**
 * A client that needs no server, for unit tests: it keeps and refuses what paramd keeps and refuses, with the same
 * errors. Nothing takes time in it: what was awaited, is done.
 */
export interface MemoryClient extends ParamdClient {
  /** All calls so far, oldest first. Yours to empty. */
  readonly calls: MemoryCall[];
  /**
   * While true no server can be reached: calls fail UNAVAILABLE, watches break. They go on where they were once it is
   * false again.
   */
  unavailable: boolean;
  /** The time of writes and the age of request ids. It stands still until it is set; at first 2026-01-01T00:00:00Z. */
  now: Date;
  /** The next call of the method fails, whatever it asks; of several failures each is used once, in order. */
  failNext(method: Method, error: Error): void;
  /** Forgets the history up to the revision, by default all: lists and watches behind it learn REVISION_COMPACTED. */
  compact(revision?: bigint): void;
}

export interface MemoryClientSettings {
  /** Recorded as updated_by of writes. */
  readonly actor?: string | undefined;
}

const SERVICES = ['', 'parameter.v1.ParameterService', 'parameter.v1.CacheService'];

/**
 * @param contents set one after the other, at the revisions 1n, 2n …
 * @throws ParamdRpcError, RangeError or TypeError if one of them could not be stored
 */
export function memoryClient(
  contents: Readonly<Record<string, NativeValue | Value>> = {},
  { actor = '' }: MemoryClientSettings = {},
): MemoryClient {
  const server = new MemoryServer(actor);
  const calls: MemoryCall[] = [];
  const failures: { method: Method; error: Error }[] = [];
  const lastSeen = startLastSeen(true);
  let isUnavailable = false;
  let isClosed = false;
  /** How often all streams broke. */
  let breaks = 0;
  for (const [key, value] of Object.entries(contents)) server.set(sentSet(key, value, {}));

  function reach(method: Method, signal: AbortSignal | undefined): void {
    signal?.throwIfAborted();
    if (isClosed) throw new Error('Channel has been shut down');
    const at = failures.findIndex((failure) => failure.method === method);
    if (at !== -1) throw failures.splice(at, 1)[0]!.error;
    if (isUnavailable) throw unreachable();
  }

  /** Async, so that what it throws rejects. */
  async function call<T>(method: Method, args: unknown[], run: () => T, signal?: AbortSignal): Promise<T> {
    calls.push({ method, args });
    reach(method, signal);
    return run();
  }

  async function* pages(prefix: string, settings: ListSettings): AsyncGenerator<ListParametersResponse> {
    const { pageSize = 0, keysOnly = false, signal } = settings;
    const request = { prefix, consistency: consistencyOf(settings), pageSize, keysOnly, pageToken: '' };
    const pages = server.list(sent(ListParametersRequest, request));
    for (;;) {
      reach('list', signal);
      const { value: page } = pages.next();
      if (!page) return;
      lastSeen.note(page.freshness?.revision);
      yield received(ListParametersResponse, page);
    }
  }

  async function* watch(selection: WatchSelection, settings: WatchSettings): AsyncGenerator<WatchItem> {
    for await (const item of resumingWatch((request) => open(request, settings.signal), selection, settings, pause)) {
      lastSeen.note(item.revision);
      yield item;
    }
  }

  async function* open(request: WatchRequest, signal: AbortSignal | undefined): AsyncGenerator<WatchResponse> {
    reach('watch', signal);
    const opened = breaks;
    const broken = () => {
      if (breaks !== opened) throw unreachable();
    };
    for await (const response of server.watch(sent(WatchRequest, request), broken, signal)) {
      yield received(WatchResponse, response);
    }
  }

  /** No time passes: the next stream may be opened once there is a server. */
  async function pause(_ms: number, signal: AbortSignal | undefined): Promise<void> {
    while (isUnavailable && !isClosed) await server.history.moved(signal);
  }

  async function* warm(request: WarmCacheRequest, signal: AbortSignal | undefined) {
    reach('warm', signal);
    yield server.warm(sent(WarmCacheRequest, request));
  }

  return {
    calls,
    get unavailable() {
      return isUnavailable;
    },
    set unavailable(on) {
      if (on && !isUnavailable) breaks += 1;
      isUnavailable = on;
      server.history.wake();
    },
    get now() {
      return server.now;
    },
    set now(now) {
      server.now = now;
    },
    failNext: (method, error) => void failures.push({ method, error }),
    compact: (revision = server.history.head) => server.history.compact(revision),

    get: (key, settings = {}) =>
      call('get', [key, settings], () => {
        const found = server.get(sent(GetParameterRequest, { key, consistency: consistencyOf(settings) }));
        lastSeen.note(found.freshness.revision);
        const { parameter, freshness } = received(GetParameterResponse, found);
        return { parameter, freshness: freshness! };
      }),
    getMany: (keys, settings = {}) =>
      call('getMany', [keys, settings], () => {
        const request = { keys: [...keys], consistency: consistencyOf(settings) };
        const answer = server.batchGet(sent(BatchGetParametersRequest, request));
        lastSeen.note(answer.freshness?.revision);
        return received(BatchGetParametersResponse, answer);
      }),
    list: (prefix, settings = {}) => {
      calls.push({ method: 'list', args: [prefix, settings] });
      return pages(prefix, settings);
    },
    set: (key, value, settings = {}) =>
      call('set', [key, value, settings], () => {
        const { parameter } = server.set(sentSet(key, value, settings));
        lastSeen.note(parameter?.revision);
        return received(Parameter, parameter!);
      }),
    delete: (key, settings = {}) =>
      call('delete', [key, settings], () => {
        const { revision } = server.delete(sent(DeleteParameterRequest, deleteRequest(key, settings)));
        lastSeen.note(revision);
        return revision;
      }),
    commit: (operations, settings = {}) =>
      call('commit', [operations, settings], () => {
        const answer = server.commit(sent(CommitRequest, commitRequest(operations, settings)));
        lastSeen.note(answer.revision);
        return received(CommitResponse, answer);
      }),
    watch: (selection, settings = {}) => {
      calls.push({ method: 'watch', args: [selection, settings] });
      return watch(selection, settings);
    },
    stats: (settings = {}) => call('stats', [settings], () => received(GetStatsResponse, server.stats())),
    warm: (prefix, { keysPerSecondMax = 0, signal } = {}) => {
      calls.push({ method: 'warm', args: [prefix] });
      return warm({ prefix, maxKeysPerSecond: keysPerSecondMax }, signal);
    },
    health: (service = '', settings = {}) =>
      call('health', [service, settings], () => {
        if (SERVICES.includes(service)) return 'SERVING';
        throw new ParamdRpcError(status.NOT_FOUND, 'this server has no such service');
      }),
    get lastSeenRevision() {
      return lastSeen.revision;
    },
    close: () => {
      isClosed = true;
      breaks += 1;
      server.history.wake();
    },
  };
}

function sentSet(...request: Parameters<typeof setRequest>): SetParameterRequest {
  return sent(SetParameterRequest, setRequest(...request));
}

function unreachable(): ParamdRpcError {
  return new ParamdRpcError(status.UNAVAILABLE, 'no server can be reached (memoryClient: unavailable)');
}
