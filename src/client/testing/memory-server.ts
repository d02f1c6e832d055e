import type { WarmCacheRequest, WarmCacheResponse } from '../../../gen/parameter/v1/cache_service.ts';
import { type GetStatsResponse, GetStatsResponse_BusState } from '../../../gen/parameter/v1/cache_service.ts';
import { Freshness, Tier } from '../../../gen/parameter/v1/freshness.ts';
import type { Event, Parameter } from '../../../gen/parameter/v1/parameter.ts';
import {
  type BatchGetParametersRequest,
  BatchGetParametersResponse,
  CommitRequest,
  type CommitResponse,
  DeleteParameterRequest,
  type DeleteParameterResponse,
  type GetParameterRequest,
  type ListParametersRequest,
  ListParametersResponse,
  SetParameterRequest,
  type SetParameterResponse,
  type WatchRequest,
  type WatchResponse,
} from '../../../gen/parameter/v1/parameter_service.ts';
import type { Clock } from '../near-cache/clock.ts';
import type { Found } from '../paramd-client.ts';
import { checkBatchGet, checkGet, checkList, checkWarm, checkWatch } from './check-request.ts';
import { checkCommit, checkDelete, checkSet } from './check-write.ts';
import { failure } from './failure.ts';
import { limitExceeded } from './findings.ts';
import { History } from './history.ts';
import { type Judged, judgeWrite, storedBytes } from './judge-write.ts';
import { obstacle, revisionCompacted, revisionLost, watchStream } from './watch-stream.ts';

const RESPONSE_BYTES_MAX = (4 << 20) - (64 << 10);
const PAGE_SIZE_DEFAULT = 100;
const PAGE_SIZE_MAX = 1000;
const PAGE_BYTES_MAX = 3 << 20;
const REQUEST_KEPT_MS = 3_600_000;
const AT_ONCE = { seconds: 0n, nanos: 0 };

/** The services of one paramd, on messages that it may keep. Every method throws what the call ends with. */
export class MemoryServer {
  readonly history = new History();
  readonly #clock: Pick<Clock, 'wallMs'>;
  readonly #actor: string;
  readonly #requests = new Map<string, { content: string; response: unknown; atMs: number }>();
  #watchers = 0;

  constructor(clock: Pick<Clock, 'wallMs'>, actor: string) {
    this.#clock = clock;
    this.#actor = actor;
  }

  get(request: GetParameterRequest): Found {
    checkGet(request);
    const freshness = this.#freshness(request, Tier.TIER_NEAR_CACHE);
    return { parameter: this.history.find(request.key), freshness };
  }

  batchGet(request: BatchGetParametersRequest): BatchGetParametersResponse {
    checkBatchGet(request);
    const freshness = this.#freshness(request, Tier.TIER_NEAR_CACHE);
    const keys = [...new Set(request.keys)];
    const parameters = keys.flatMap((key) => this.history.find(key) ?? []);
    const missingKeys = keys.filter((key) => this.history.find(key) === undefined);
    const response = { parameters, freshness, missingKeys };
    if (BatchGetParametersResponse.encode(response).finish().length > RESPONSE_BYTES_MAX) {
      throw limitExceeded({ limit: 'response_bytes', maximum: RESPONSE_BYTES_MAX, hint: 'Ask for fewer keys.' });
    }
    return response;
  }

  /** The pages, all of the state that the first one is of. */
  *list(request: ListParametersRequest): Generator<ListParametersResponse, void, undefined> {
    checkList(request);
    const first = this.#freshness(request, Tier.TIER_STORE);
    const { revision } = first;
    const later = { ...first, stalenessBound: undefined };
    let rest = this.history.sorted((key) => key.startsWith(request.prefix));
    for (let freshness = first; ; freshness = later) {
      const { compactRevision } = this.history;
      if (revision < compactRevision) throw revisionCompacted(revision, compactRevision);
      const shown = request.keysOnly ? rest.map((parameter) => ({ ...parameter, value: undefined })) : rest;
      const parameters = pageOf(shown, request.pageSize);
      rest = rest.slice(parameters.length);
      const nextPageToken = rest.length === 0 ? '' : `${revision}:${rest[0]!.key}`;
      yield ListParametersResponse.create({ parameters, freshness, nextPageToken });
      if (rest.length === 0) return;
    }
  }

  set(request: SetParameterRequest): SetParameterResponse {
    checkSet(request);
    const { ifRevision, validateOnly } = request;
    return this.#once('set', SetParameterRequest, request, () => {
      const operation = { set: request, path: '', ifRevision };
      const { parameters } = this.#write({ conditions: [], operations: [operation] }, validateOnly);
      return { parameter: parameters[0] };
    });
  }

  delete(request: DeleteParameterRequest): DeleteParameterResponse {
    checkDelete(request);
    const { ifRevision, validateOnly } = request;
    return this.#once('delete', DeleteParameterRequest, request, () => {
      const operation = { delete: request, ifRevision };
      return { revision: this.#write({ conditions: [], operations: [operation] }, validateOnly).revision };
    });
  }

  commit(request: CommitRequest): CommitResponse {
    checkCommit(request);
    const { conditions, validateOnly } = request;
    const operations = request.operations.map(({ operation }, index) =>
      operation!.$case === 'set'
        ? { set: operation!.value, path: `operations[${index}].set.` }
        : { delete: operation!.value },
    );
    return this.#once('commit', CommitRequest, request, () => this.#write({ conditions, operations }, validateOnly));
  }

  /** @param broken throws once the stream is to end */
  async *watch(
    request: WatchRequest,
    broken: () => void,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<WatchResponse, void, undefined> {
    checkWatch(request);
    const { startRevision, sendInitial } = request;
    const lost = startRevision === 0n ? undefined : obstacle(this.history, startRevision);
    if (lost !== undefined && !sendInitial) throw lost;
    this.#watchers += 1;
    try {
      yield* watchStream(this.history, request, broken, signal);
    } finally {
      this.#watchers -= 1;
    }
  }

  stats(): GetStatsResponse {
    const tiers = [Tier.TIER_NEAR_CACHE, Tier.TIER_SHARED_CACHE, Tier.TIER_STORE].map((tier) => {
      return { tier, hits: 0n, misses: 0n, hitRatio: 0, entries: 0n, bytes: 0n, evictions: 0n };
    });
    return {
      tiers,
      replicaId: 'memory',
      serverVersion: '',
      uptime: AT_ONCE,
      appliedRevision: this.history.head,
      freshnessAge: AT_ONCE,
      busState: GetStatsResponse_BusState.BUS_STATE_DISABLED,
      loads: 0n,
      watchers: BigInt(this.#watchers),
    };
  }

  warm(request: WarmCacheRequest): WarmCacheResponse {
    checkWarm(request);
    const { length } = this.history.sorted((key) => key.startsWith(request.prefix));
    return { warmedKeys: BigInt(length), complete: true };
  }

  #freshness({ consistency }: Pick<GetParameterRequest, 'consistency'>, cached: Tier): Freshness {
    const { head } = this.history;
    const atLeast = consistency?.atLeastRevision ?? 0n;
    if (atLeast > head) throw revisionLost(atLeast, head);
    const servedFrom = consistency?.linearizable ? Tier.TIER_STORE : cached;
    return Freshness.create({ revision: head, servedFrom, stalenessBound: AT_ONCE });
  }

  #write(judged: Judged, validateOnly: boolean): { parameters: Parameter[]; revision: bigint } {
    const ms = this.#clock.wallMs();
    const seconds = Math.floor(ms / 1000);
    const time = { seconds: BigInt(seconds), nanos: Math.floor((ms - seconds * 1000) * 1_000_000) };
    const events = judgeWrite(judged, this.history, { actor: this.#actor, time });
    if (validateOnly) return { parameters: putsOf(events).map(unwritten), revision: 0n };
    if (events.length > 0) this.history.append(events);
    return { parameters: putsOf(events), revision: this.history.head };
  }

  /** For an hour the same request gets the first answer again, and is not done again. */
  #once<Q extends { requestId: string; validateOnly: boolean }, S>(
    method: string,
    codec: { toJSON(message: Q): unknown },
    request: Q,
    run: () => S,
  ): S {
    const { requestId, validateOnly } = request;
    if (requestId === '') return run();
    const atMs = this.#clock.wallMs();
    const content = `${method} ${JSON.stringify(codec.toJSON(request), inOneOrder)}`;
    const earlier = this.#requests.get(requestId);
    if (earlier !== undefined && earlier.atMs > atMs - REQUEST_KEPT_MS) {
      if (earlier.content === content) return earlier.response as S;
      const message = 'this request_id was used for another request within the last hour';
      throw failure('REQUEST_ID_REUSED', {}, message);
    }
    const response = run();
    if (!validateOnly) this.#requests.set(requestId, { content, response, atMs });
    return response;
  }
}

/** For JSON.stringify. Two labels given the other way around make no other request. */
function inOneOrder(_name: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)));
}

/** As many as were asked for and fit, one at least. */
function pageOf(parameters: readonly Parameter[], pageSize: number): Parameter[] {
  const page = parameters.slice(0, pageSize === 0 ? PAGE_SIZE_DEFAULT : Math.min(pageSize, PAGE_SIZE_MAX));
  let bytes = 0;
  const end = page.findIndex((parameter, index) => {
    bytes += storedBytes(parameter);
    return bytes > PAGE_BYTES_MAX && index > 0;
  });
  return end === -1 ? page : page.slice(0, end);
}

function putsOf(events: readonly Event[]): Parameter[] {
  return events.flatMap(({ parameter }) => (parameter?.value === undefined ? [] : parameter));
}

function unwritten(parameter: Parameter): Parameter {
  const createRevision = parameter.version === 1n ? 0n : parameter.createRevision;
  return { ...parameter, revision: 0n, createRevision };
}
