// A store, its replicas and the way to them, on virtual time: what a near cache lives on, and the truth to hold it to.
import { status } from '@grpc/grpc-js';
import { ErrorInfo } from '../../../gen/google/rpc/error_details.ts';
import { Tier } from '../../../gen/parameter/v1/freshness.ts';
import {
  type BatchGetParametersResponse,
  WatchResponse_Kind as Kind,
  type WatchRequest,
  type WatchResponse,
} from '../../../gen/parameter/v1/parameter_service.ts';
import { durationOfMs, msOfDuration } from '../../../src/client/duration.ts';
import { ParamdRpcError, type ReadSettings } from '../../../src/client/index.ts';
import type { NearCacheClient } from '../../../src/client/near-cache/open-near-cache.ts';
import { resumingWatch } from '../../../src/client/watch.ts';
import { changes, put } from './scripted-client.ts';
import type { VirtualTime } from './virtual-time.ts';

type State = ReadonlyMap<string, string>;

interface Commit {
  readonly revision: bigint;
  readonly key: string;
  readonly value: string;
  /** What the prefix holds from here on. */
  readonly state: State;
}

interface Replica {
  readonly index: number;
  /** Of the store's log. A rollback cuts the store's and not this copy. */
  log: readonly Commit[];
  lost: readonly (readonly [from: bigint, to: bigint])[];
  /** When the log was last known to be all there is. */
  provenAtMs: number;
  isFrozen: boolean;
  /** From the store. */
  isCutOff: boolean;
  delayMs: number;
  /** On their way to the client, and held up. */
  held: (() => void)[];
  dueMs: number;
  readonly streams: Set<Stream>;
}

interface Stream {
  position: bigint;
  progressAtMs: number;
  readonly request: WatchRequest;
  send(response: WatchResponse | Error): void;
}

const PREFIX = 'app:';
const POLL_MS = 100;

export class ModelFleet {
  readonly #time: VirtualTime;
  readonly #replicas: Replica[];
  #log: readonly Commit[] = [];
  #lost: Replica['lost'] = [];
  #head = 0n;
  #writes = 0;
  #picks = 0;
  /** What the prefix held, and until when; the last one still holds. */
  readonly #past: { readonly state: State; untilMs: number }[] = [{ state: new Map(), untilMs: Infinity }];
  /** Of every revision there ever was. */
  readonly #states = new Map<bigint, State>([[0n, new Map()]]);

  constructor(time: VirtualTime, count: number) {
    this.#time = time;
    this.#replicas = Array.from({ length: count }, (_, index) => ({
      index,
      log: this.#log,
      lost: [],
      provenAtMs: time.nowMs(),
      isFrozen: false,
      isCutOff: false,
      delayMs: 1,
      held: [],
      dueMs: 0,
      streams: new Set(),
    }));
    for (const one of this.#replicas) this.#poll(one);
  }

  write(key: string): void {
    this.#head += 1n;
    const value = `${++this.#writes}`;
    const state = key.startsWith(PREFIX) ? new Map([...this.#current, [key, value]]) : this.#current;
    this.#log = [...this.#log, { revision: this.#head, key, value, state }];
    this.#become(state);
  }

  /** A failover that loses the last commits. The new epoch begins beyond all of their revisions (C9). */
  rollBack(commits: number): void {
    const kept = this.#log.slice(0, Math.max(0, this.#log.length - commits));
    if (kept.length === this.#log.length) return;
    this.#lost = [...this.#lost, [(kept.at(-1)?.revision ?? 0n) + 1n, this.#head]];
    this.#head += 1000n;
    const state = kept.at(-1)?.state ?? new Map();
    this.#log = [...kept, { revision: this.#head, key: '', value: '', state }];
    this.#become(state);
  }

  cutOff(index: number, isCutOff: boolean): void {
    this.#replica(index).isCutOff = isCutOff;
  }

  #poll(replica: Replica): void {
    if (!replica.isFrozen && !replica.isCutOff) this.#sync(replica);
    this.#time.after(POLL_MS, () => this.#poll(replica));
  }

  /** The replica reads the store. */
  #sync(replica: Replica): void {
    const lost = this.#lost.filter((range) => !replica.lost.includes(range));
    replica.log = this.#log;
    replica.lost = this.#lost;
    replica.provenAtMs = this.#time.nowMs();
    for (const stream of replica.streams) {
      if (isLost(lost, stream.position)) this.#end(replica, stream, lostError());
    }
    this.#flow(replica);
  }

  /** The replica hears of a few commits, and does not know whether that is all. */
  hear(index: number, commits: number): void {
    const replica = this.#replica(index);
    const known = replica.log.length;
    if (replica.isFrozen || replica.lost !== this.#lost) return;
    replica.log = this.#log.slice(0, known + commits);
    this.#flow(replica);
  }

  freeze(index: number, isFrozen: boolean): void {
    const replica = this.#replica(index);
    replica.isFrozen = isFrozen;
    if (!isFrozen) for (const deliver of replica.held.splice(0)) deliver();
  }

  delay(index: number, ms: number): void {
    this.#replica(index).delayMs = ms;
  }

  breakStreams(index: number): void {
    const replica = this.#replica(index);
    for (const stream of replica.streams) {
      this.#end(replica, stream, new ParamdRpcError(status.UNAVAILABLE, 'the connection broke'));
    }
  }

  heal(): void {
    for (const { index } of this.#replicas) {
      this.delay(index, 1);
      this.freeze(index, false);
      this.cutOff(index, false);
    }
  }

  stateAt(revision: bigint): State | undefined {
    return this.#states.get(revision) ?? this.#states.get([...this.#states.keys()].findLast((one) => one <= revision)!);
  }

  /** How long ago the prefix held exactly this. Infinity: never. */
  stalenessMs(state: State): number {
    const last = this.#past.findLast((one) => isSame(one.state, state));
    return last === undefined ? Infinity : Math.max(0, this.#time.nowMs() - last.untilMs);
  }

  client(): NearCacheClient {
    return {
      getMany: (_, settings = {}) => this.#getMany(this.#pick(), settings),
      watch: (selection, settings = {}) =>
        resumingWatch(
          (request) => this.#watch(this.#pick(), request, settings.signal),
          selection,
          // The pause is random there.
          { ...settings, onBroken: (error) => settings.onBroken?.(error, 100) },
          () => this.#wait(100),
        ),
    };
  }

  get #current(): State {
    return this.#past.at(-1)!.state;
  }

  #become(state: State): void {
    this.#states.set(this.#head, state);
    if (state === this.#current) return;
    this.#past.at(-1)!.untilMs = this.#time.nowMs();
    this.#past.push({ state, untilMs: Infinity });
  }

  #pick(): Replica {
    return this.#replica(this.#picks++);
  }

  #replica(index: number): Replica {
    return this.#replicas[index % this.#replicas.length]!;
  }

  #wait(ms: number): Promise<void> {
    return new Promise((resolve) => void this.#time.after(ms, resolve));
  }

  /** Things arrive in order, late, or when the replica goes on. */
  #arrive(replica: Replica, deliver: () => void): void {
    const nowMs = this.#time.nowMs();
    replica.dueMs = Math.max(replica.dueMs, nowMs + replica.delayMs);
    this.#time.after(replica.dueMs - nowMs, () => {
      if (replica.isFrozen || replica.held.length > 0) replica.held.push(deliver);
      else deliver();
    });
  }

  #getMany(replica: Replica, settings: ReadSettings): Promise<BatchGetParametersResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<BatchGetParametersResponse>();
    const tooLate = new ParamdRpcError(status.DEADLINE_EXCEEDED, 'no answer in time');
    const cancel = this.#time.after(settings.timeoutMs ?? 5_000, () => reject(tooLate));
    settings.signal?.addEventListener('abort', () => reject(settings.signal?.reason));
    this.#arrive(replica, () => {
      const answer = this.#answer(replica, settings);
      this.#arrive(replica, () => {
        cancel();
        if (answer instanceof Error) reject(answer);
        else resolve(answer);
      });
    });
    return promise;
  }

  #answer(replica: Replica, settings: ReadSettings): BatchGetParametersResponse | Error {
    const { atLeastRevision = 0n, maxStalenessMs } = settings;
    const revision = revisionOf(replica);
    const ageMs = this.#time.nowMs() - replica.provenAtMs;
    if (isLost(replica.lost, atLeastRevision)) return lostError();
    if (atLeastRevision > revision) return new ParamdRpcError(status.UNAVAILABLE, 'not yet');
    if (maxStalenessMs !== undefined && ageMs > maxStalenessMs)
      return new ParamdRpcError(status.UNAVAILABLE, 'too old');
    const stalenessBound = durationOfMs(ageMs + 1e-5);
    const freshness = { revision, servedFrom: Tier.TIER_NEAR_CACHE, stalenessBound, degraded: ageMs > 500 };
    return { parameters: [], missingKeys: [], freshness };
  }

  async *#watch(
    replica: Replica,
    request: WatchRequest,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<WatchResponse> {
    const queue: (WatchResponse | Error)[] = [];
    let wake = () => {};
    const send = (response: WatchResponse | Error) => {
      queue.push(response);
      wake();
    };
    const stream: Stream = {
      position: 0n,
      progressAtMs: 0,
      request,
      send: (r) => this.#arrive(replica, () => send(r)),
    };
    signal?.addEventListener('abort', () => send(signal.reason as Error));
    this.#arrive(replica, () => this.#open(replica, stream));
    try {
      for (;;) {
        const next = queue.shift();
        if (next instanceof Error) throw next;
        if (next !== undefined) yield next;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
        signal?.throwIfAborted();
      }
    } finally {
      replica.streams.delete(stream);
    }
  }

  #open(replica: Replica, stream: Stream): void {
    const { startRevision } = stream.request;
    const seen = startRevision - 1n;
    const revision = revisionOf(replica);
    stream.progressAtMs = this.#time.nowMs();
    const isResumed = startRevision !== 0n && seen <= revision && !isLost(replica.lost, seen);
    if (startRevision !== 0n && !isResumed && !isLost(replica.lost, seen)) {
      stream.send(new ParamdRpcError(status.UNAVAILABLE, 'behind: the store is not reached'));
      return;
    }
    if (!isResumed) {
      const state = replica.log.at(-1)?.state ?? new Map<string, string>();
      const events = [...state].map(([key, value]) => put(key, value, revision));
      if (events.length > 0) stream.send({ kind: Kind.KIND_INITIAL, events, revision: 0n });
      stream.send({ kind: Kind.KIND_INITIAL_COMPLETE, events: [], revision });
    } else stream.send({ kind: Kind.KIND_PROGRESS, events: [], revision: seen });
    stream.position = isResumed ? seen : revision;
    replica.streams.add(stream);
    this.#flow(replica);
    this.#report(replica, stream);
  }

  #report(replica: Replica, stream: Stream): void {
    const everyMs = msOfDuration(stream.request.progressInterval!);
    this.#time.after(everyMs, () => {
      if (!replica.streams.has(stream)) return;
      const revision = revisionOf(replica);
      if (!replica.isFrozen && revision > stream.position) {
        stream.position = revision;
        stream.send({ kind: Kind.KIND_PROGRESS, events: [], revision });
      }
      this.#report(replica, stream);
    });
  }

  #flow(replica: Replica): void {
    for (const stream of replica.streams) {
      for (const { revision, key, value } of replica.log) {
        if (revision <= stream.position || !key.startsWith(PREFIX)) continue;
        stream.position = revision;
        stream.send({ ...changes(put(key, value, revision)), kind: Kind.KIND_CHANGES } as WatchResponse);
      }
    }
  }

  #end(replica: Replica, stream: Stream, error: Error): void {
    replica.streams.delete(stream);
    stream.send(error);
  }
}

function revisionOf({ log }: Replica): bigint {
  return log.at(-1)?.revision ?? 0n;
}

function isLost(ranges: Replica['lost'], revision: bigint): boolean {
  return ranges.some(([from, to]) => revision >= from && revision <= to);
}

function lostError(): ParamdRpcError {
  const errorInfo = ErrorInfo.fromPartial({ reason: 'REVISION_LOST', domain: 'paramd' });
  return new ParamdRpcError(status.DATA_LOSS, 'lost in a failover', { errorInfo });
}

function isSame(one: State, other: State): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}
