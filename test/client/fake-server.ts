import { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
import {
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  Server,
  ServerCredentials,
  type ServerWritableStream,
  status,
} from '@grpc/grpc-js';
import type { Any } from '../../gen/google/protobuf/any.ts';
import { ErrorInfo, RetryInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import {
  type CacheServiceServer,
  CacheServiceService,
  GetStatsResponse_BusState,
} from '../../gen/parameter/v1/cache_service.ts';
import { Freshness, Tier } from '../../gen/parameter/v1/freshness.ts';
import { type Event, Event_Type, Parameter, type Value } from '../../gen/parameter/v1/parameter.ts';
import {
  type ParameterServiceServer,
  ParameterServiceService,
  type SetOperation,
  type WatchRequest,
  type WatchResponse,
  WatchResponse_Kind,
} from '../../gen/parameter/v1/parameter_service.ts';
import { durationOfMs } from '../../src/client/duration.ts';

type WatchCall = ServerWritableStream<WatchRequest, WatchResponse>;

/** One call as the fake saw it. */
export interface SeenCall {
  readonly method: string;
  readonly request: unknown;
  readonly actor: string;
}

export interface FakeServer {
  readonly target: string;
  readonly port: number;
  readonly calls: SeenCall[];
  readonly watches: Set<WatchCall>;
  /** Puts before the next call of the method; a failure that it throws is the call's. Each is used once. */
  readonly before: { method: string; run: () => void }[];
  serving: boolean;
  degraded: boolean;
  put(key: string, value: Value, labels?: ReadonlyMap<string, string>): bigint;
  remove(key: string): bigint;
  /** Revisions up to it are forgotten. */
  compact(revision: bigint): void;
  /** Ends all watches. */
  breakWatches(failure: Error): void;
  close(): void;
}

/** What paramd would answer: status, ErrorInfo and, if given, RetryInfo and further details. */
export function failure(
  code: number,
  reason: string,
  metadata: Record<string, string> = {},
  { retryMs, details = [], message = reason }: { retryMs?: number; details?: Any[]; message?: string } = {},
): Error {
  const packed: Any[] = [packedAs('google.rpc.ErrorInfo', ErrorInfo.encode(infoOf(reason, metadata))), ...details];
  if (retryMs !== undefined) {
    const retryDelay = durationOfMs(retryMs);
    packed.push(packedAs('google.rpc.RetryInfo', RetryInfo.encode({ retryDelay })));
  }
  const trailers = new Metadata();
  trailers.set('grpc-status-details-bin', Buffer.from(Status.encode({ code, message, details: packed }).finish()));
  return Object.assign(new Error(message), { code, details: message, metadata: trailers });
}

/** A paramd of one process and no durability, on a socket: enough of the API for its clients. */
export async function startFakeServer(): Promise<FakeServer> {
  const current = new Map<string, Parameter>();
  const log: Event[][] = [[]]; // by revision
  let compacted = 0n;
  const head = () => BigInt(log.length - 1);
  const fake: FakeServer = {
    target: '',
    port: 0,
    calls: [],
    watches: new Set(),
    before: [],
    serving: true,
    degraded: false,
    put: (key, value, labels = new Map()) =>
      append(
        [{ key, value, cacheTtl: undefined, labels: new Map(labels), removeLabels: [], allowKindChange: true }],
        [],
      ),
    remove: (key) => append([], [key]),
    compact: (revision) => {
      compacted = revision;
    },
    breakWatches: (error) => {
      for (const call of fake.watches) call.emit('error', error);
      fake.watches.clear();
    },
    close: () => server.forceShutdown(),
  };

  function append(sets: readonly SetOperation[], deletes: readonly string[]): bigint {
    const revision = head() + 1n;
    const now = { seconds: 1_800_000_000n + revision, nanos: 0 };
    const events = sets.map((set): Event => {
      const previous = current.get(set.key);
      const kept = set.removeLabels.includes('*') ? [] : [...(previous?.labels ?? [])];
      const labels = kept.filter(([name]) => !set.removeLabels.includes(name));
      const parameter: Parameter = {
        key: set.key,
        value: set.value ?? previous?.value,
        revision,
        createRevision: previous?.createRevision ?? revision,
        version: (previous?.version ?? 0n) + 1n,
        createTime: previous?.createTime ?? now,
        updateTime: now,
        updatedBy: fake.calls.at(-1)?.actor ?? '',
        labels: new Map([...labels, ...set.labels]),
        cacheTtl: set.cacheTtl ?? previous?.cacheTtl ?? { seconds: 3600n, nanos: 0 },
      };
      current.set(set.key, parameter);
      return { parameter, previous, type: Event_Type.TYPE_PUT, revision };
    });
    for (const key of deletes) {
      const previous = current.get(key);
      current.delete(key);
      const parameter = Parameter.fromPartial({ key, revision, updateTime: now });
      events.push({ parameter, previous, type: Event_Type.TYPE_DELETE, revision });
    }
    log.push(events);
    for (const call of fake.watches) deliver(call, revision);
    return revision;
  }

  function deliver(call: WatchCall, revision: bigint): void {
    const events = (log[Number(revision)] ?? []).filter(({ parameter }) => matches(call.request, parameter?.key ?? ''));
    const shown = call.request.includePrevious ? events : events.map((event) => ({ ...event, previous: undefined }));
    if (events.length > 0) call.write({ events: shown, revision, kind: WatchResponse_Kind.KIND_CHANGES });
  }

  function freshness(): Freshness {
    const stalenessBound = { seconds: 0n, nanos: 20_000_000 };
    return { revision: head(), servedFrom: Tier.TIER_NEAR_CACHE, stalenessBound, degraded: fake.degraded };
  }

  function sorted(prefix: string): Parameter[] {
    const found = [...current.values()].filter(({ key }) => key.startsWith(prefix));
    return found.sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  }

  function check(key: string, ifRevision: bigint | undefined): void {
    const currentRevision = current.get(key)?.revision ?? 0n;
    if (ifRevision === undefined || ifRevision === currentRevision) return;
    const metadata = { key, currentRevision: String(currentRevision) };
    if (ifRevision === 0n) throw failure(status.ALREADY_EXISTS, 'PARAMETER_EXISTS', metadata);
    throw failure(status.ABORTED, 'REVISION_MISMATCH', metadata, {
      message: `${key} is at revision ${currentRevision}, not ${ifRevision}`,
    });
  }

  function checkKind({ key, value, allowKindChange }: SetOperation): void {
    const present = current.get(key)?.value?.kind?.$case;
    if (present === undefined || value === undefined || allowKindChange || value.kind?.$case === present) return;
    const currentKind = present.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    throw failure(status.FAILED_PRECONDITION, 'KIND_MISMATCH', { key, currentKind });
  }

  /** Metadata, programmed failures and errors, as every handler needs them. */
  function unary<Q, S>(method: string, answer: (request: Q) => S): handleUnaryCall<Q, S> {
    return (call, callback) => {
      try {
        note(method, call.request, call.metadata);
        callback(null, answer(call.request));
      } catch (error) {
        callback(error as Error);
      }
    };
  }

  function stream<Q, S>(
    method: string,
    answer: (call: ServerWritableStream<Q, S>) => void,
  ): handleServerStreamingCall<Q, S> {
    return (call) => {
      try {
        note(method, call.request, call.metadata);
        answer(call);
      } catch (error) {
        call.emit('error', error);
      }
    };
  }

  function note(method: string, request: unknown, metadata: Metadata): void {
    fake.calls.push({ method, request, actor: String(metadata.get('paramd-actor')[0] ?? '') });
    const at = fake.before.findIndex((step) => step.method === method);
    if (at >= 0) fake.before.splice(at, 1)[0]?.run();
  }

  const parameters: ParameterServiceServer = {
    getParameter: unary('get', ({ key }) => {
      const parameter = current.get(key);
      if (parameter === undefined) throw notFound(key, freshness());
      return { parameter, freshness: freshness() };
    }),
    batchGetParameters: unary('getMany', ({ keys }) => ({
      parameters: [...new Set(keys)].flatMap((key) => current.get(key) ?? []),
      freshness: freshness(),
      missingKeys: keys.filter((key) => !current.has(key)),
    })),
    listParameters: unary('list', ({ prefix, pageSize, pageToken, keysOnly }) => {
      const from = Number(pageToken);
      const to = from + (pageSize || 100);
      const all = sorted(prefix);
      return {
        parameters: all.slice(from, to).map((parameter) => (keysOnly ? { ...parameter, value: undefined } : parameter)),
        freshness: freshness(),
        nextPageToken: to < all.length ? String(to) : '',
      };
    }),
    setParameter: unary('set', ({ ifRevision, validateOnly, requestId: _, ...set }) => {
      check(set.key, ifRevision);
      checkKind(set);
      if (validateOnly) return { parameter: Parameter.fromPartial({ key: set.key, value: set.value }) };
      append([set], []);
      return { parameter: current.get(set.key) };
    }),
    deleteParameter: unary('delete', ({ key, ifRevision, allowMissing, validateOnly }) => {
      check(key, ifRevision);
      if (!current.has(key) && !allowMissing) throw notFound(key);
      if (validateOnly) return { revision: 0n };
      return { revision: current.has(key) ? append([], [key]) : head() };
    }),
    commit: unary('commit', ({ conditions, operations, validateOnly }) => {
      for (const { key, ifRevision } of conditions) check(key, ifRevision);
      const sets = operations.flatMap(({ operation }) => (operation?.$case === 'set' ? [operation.value] : []));
      const deletes = operations.flatMap(({ operation }) =>
        operation?.$case === 'delete' ? [operation.value.key] : [],
      );
      for (const set of sets) checkKind(set);
      const revision = validateOnly ? 0n : append(sets, deletes);
      return { parameters: sets.flatMap(({ key }) => current.get(key) ?? []), revision };
    }),
    watch: stream('watch', (call: WatchCall) => {
      const { startRevision, sendInitial } = call.request;
      const compactedAway = startRevision !== 0n && startRevision <= compacted;
      const beyond = startRevision > head() + 1n;
      if (!sendInitial && compactedAway) throw failure(status.OUT_OF_RANGE, 'REVISION_COMPACTED');
      if (!sendInitial && beyond) throw failure(status.DATA_LOSS, 'REVISION_LOST');
      if (sendInitial && (startRevision === 0n || compactedAway || beyond)) {
        for (const parameter of sorted('').filter(({ key }) => matches(call.request, key))) {
          const event = { parameter, previous: undefined, type: Event_Type.TYPE_PUT, revision: parameter.revision };
          call.write({ events: [event], revision: 0n, kind: WatchResponse_Kind.KIND_INITIAL });
        }
        call.write({ events: [], revision: head(), kind: WatchResponse_Kind.KIND_INITIAL_COMPLETE });
      } else if (startRevision === 0n || startRevision > head()) {
        call.write({ events: [], revision: head(), kind: WatchResponse_Kind.KIND_PROGRESS });
      } else {
        for (let revision = startRevision; revision <= head(); revision++) deliver(call, revision);
      }
      fake.watches.add(call);
      call.on('cancelled', () => fake.watches.delete(call));
    }),
  };

  const caches: CacheServiceServer = {
    getStats: unary('stats', () => ({
      tiers: [
        { tier: Tier.TIER_NEAR_CACHE, hits: 9n, misses: 1n, hitRatio: 0.9, entries: 3n, bytes: 2048n, evictions: 0n },
      ],
      replicaId: 'fake-1',
      serverVersion: '0.0.0',
      uptime: { seconds: 90n, nanos: 500_000_000 },
      appliedRevision: head(),
      freshnessAge: { seconds: 0n, nanos: 12_000_000 },
      busState: GetStatsResponse_BusState.BUS_STATE_DISABLED,
      loads: 1n,
      watchers: BigInt(fake.watches.size),
    })),
    warmCache: stream('warm', (call) => {
      call.write({ warmedKeys: 1n, complete: false });
      call.write({ warmedKeys: BigInt(current.size), complete: true });
      call.end();
    }),
  };

  const server = new Server();
  server.addService(ParameterServiceService, parameters);
  server.addService(CacheServiceService, caches);
  server.addService(HEALTH, {
    check: unary('health', ({ service }: { service: string }) => {
      if (service === 'unheard') throw Object.assign(new Error('unknown service'), { code: status.NOT_FOUND });
      return fake.serving ? 1 : 2;
    }),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return Object.assign(fake, { port, target: `127.0.0.1:${port}` });
}

const HEALTH = {
  check: {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: (bytes: Buffer) => {
      const reader = new BinaryReader(bytes);
      return { service: reader.len > 0 && reader.uint32() === 10 ? reader.string() : '' };
    },
    responseSerialize: (health: number) => Buffer.from(new BinaryWriter().uint32(8).int32(health).finish()),
    responseDeserialize: () => 0,
  },
} as const;

function notFound(key: string, freshness?: Freshness): Error {
  const details = freshness === undefined ? [] : [packedAs('parameter.v1.Freshness', Freshness.encode(freshness))];
  return failure(status.NOT_FOUND, 'PARAMETER_NOT_FOUND', { key }, { details, message: `${key} does not exist` });
}

function infoOf(reason: string, metadata: Record<string, string>): ErrorInfo {
  return { reason, domain: 'paramd', metadata: new Map(Object.entries(metadata)) };
}

function packedAs(type: string, encoded: BinaryWriter): Any {
  return { typeUrl: `type.googleapis.com/${type}`, value: Buffer.from(encoded.finish()) };
}

function matches({ keys, prefixes }: WatchRequest, key: string): boolean {
  return keys.includes(key) || prefixes.some((prefix) => key.startsWith(prefix));
}
