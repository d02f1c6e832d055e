import { ParamdError } from '../../model/errors.ts';
import type { Revision } from '../../model/revision.ts';
import type { Clock } from '../../ports/clock.ts';
import { StoreError } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { StoreReads } from '../store-reads.ts';
import { type Deferred, deferred, type Patience, within } from '../waiting.ts';
import type { Tailer } from '../watch/tailer.ts';
import type { CacheView, Content } from './cache-view.ts';

/** Of a response. gRPC clients refuse more than 4 MiB. */
export const ANSWER_BYTES_MAX = (4 << 20) - (64 << 10);
/** Keys that wait for a free statement share it. */
const STATEMENT_KEYS_MAX = 100;
/** Of one statement's values. Beyond it each key is read alone. */
const STATEMENT_BYTES_MAX = 8 << 20;

/** In no key: keys have no control characters. */
const SEPARATOR = '\n';

export interface LoaderLimits {
  /** C12: statements in flight. */
  readonly loadsConcurrentMax: number;
  /** Callers that wait for loads. */
  readonly loadWaitersMax: number;
}

export interface LoaderOptions {
  readonly reads: Pick<StoreReads, 'read'>;
  readonly view: Pick<CacheView, 'applied' | 'contentOf' | 'absent' | 'spread'>;
  readonly tailer: Pick<Tailer, 'reached' | 'storeReachable'>;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly limits: LoaderLimits;
}

/** What a load found, and when its statement began. */
export interface Loaded extends Content {
  readonly startedAtMs: number;
}

/** Several keys as of one revision. */
export interface LoadedTogether {
  /** In the order of the keys. */
  readonly contents: readonly Content[];
  readonly asOf: Revision;
  readonly startedAtMs: number;
}

/** What a caller needs of a load that others may have asked for. */
export interface LoadNeed {
  /** The statement must not have begun earlier. */
  readonly sinceMs: number;
  /** It should reflect at least this; one that began after the call and does not is the answer all the same. */
  readonly atLeast: Revision;
  readonly callStartedAtMs: number;
}

interface Flight {
  readonly name: string;
  /** One, which shares a statement with those of other flights, or several, which have one to themselves. */
  readonly keys: readonly string[];
  readonly done: Deferred<LoadedTogether>;
  waiters: number;
  /** Undefined: waits for a statement, so it will begin later than now. */
  startedAtMs: number | undefined;
  /** Begins when this one has ended: for callers that came too late for this one. */
  next: Flight | undefined;
}

/**
 * Loads from the store: one per key, or keys that are read together, at a time (single-flight), a bounded number of
 * statements at once, the oldest first (C12).
 *
 * Naive single-flight hands a caller whatever load is under way, even one that read before the caller's own write. Here a
 * caller accepts a flight only if it began in time and reflects enough; otherwise it joins the next one, which begins
 * when the present one has ended. Nor does the failure of one that began before the call say that the store is away now.
 * A caller that leaves ends nothing that others wait for, and nothing that has begun.
 */
export class StoreLoader {
  readonly #options: LoaderOptions;
  readonly #flights = new Map<string, Flight>();
  /** In the order in which they were asked for. Each has a waiter, so they are as bounded as those. */
  readonly #queue = new Set<Flight>();
  #statements = 0;
  #waiters = 0;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** @throws StoreError; ParamdError RATE_LIMITED if too many wait */
  async load(key: string, need: LoadNeed, patience: Patience): Promise<Loaded | 'late'> {
    const loaded = await this.loadTogether([key], need, patience);
    return loaded === 'late' ? 'late' : { ...loaded.contents[0]!, startedAtMs: loaded.startedAtMs };
  }

  /** All in one statement, which is one revision by itself. @throws as `load` */
  async loadTogether(keys: readonly string[], need: LoadNeed, patience: Patience): Promise<LoadedTogether | 'late'> {
    this.#addWaiter();
    try {
      for (let sinceMs = need.sinceMs; ; sinceMs = need.callStartedAtMs) {
        const flight = this.#join(keys, sinceMs);
        const loaded = await this.#wait(flight, patience).catch((error: unknown) => {
          if (!this.#isOutdated(flight, error, need)) throw error;
          return 'outdated' as const;
        });
        if (loaded === 'late') return 'late';
        if (loaded === 'outdated') continue;
        if (loaded.asOf >= need.atLeast || loaded.startedAtMs >= need.callStartedAtMs) return loaded;
      }
    } finally {
      this.#waiters -= 1;
    }
  }

  /** It failed, but began before the call, and the store can be reached now. */
  #isOutdated({ startedAtMs = Number.POSITIVE_INFINITY }: Flight, error: unknown, need: LoadNeed): boolean {
    const isLost = error instanceof StoreError && error.kind === 'unreachable';
    return isLost && startedAtMs < need.callStartedAtMs && this.#options.tailer.storeReachable;
  }

  #addWaiter(): void {
    const { loadWaitersMax } = this.#options.limits;
    if (this.#waiters >= loadWaitersMax) {
      throw new ParamdError({
        reason: 'RATE_LIMITED',
        limit: 'load_waiters',
        maximum: loadWaitersMax,
        retryMs: 100,
      });
    }
    this.#waiters += 1;
  }

  async #wait(flight: Flight, patience: Patience): Promise<LoadedTogether | 'late'> {
    flight.waiters += 1;
    try {
      return await within(flight.done.promise, this.#options.clock, patience);
    } finally {
      flight.waiters -= 1;
      if (flight.waiters === 0 && this.#queue.delete(flight)) this.#flights.delete(flight.name);
    }
  }

  #join(keys: readonly string[], sinceMs: number): Flight {
    const name = keys.join(SEPARATOR);
    const current = this.#flights.get(name);
    if (current === undefined) return this.#enqueue(newFlight(name, keys));
    if (current.startedAtMs === undefined || current.startedAtMs >= sinceMs) return current;
    current.next ??= newFlight(name, keys);
    return current.next;
  }

  #enqueue(flight: Flight): Flight {
    this.#flights.set(flight.name, flight);
    this.#queue.add(flight);
    this.#pump();
    return flight;
  }

  #pump(): void {
    // Keys asked for in the same tick share a statement.
    queueMicrotask(() => {
      while (this.#statements < this.#options.limits.loadsConcurrentMax) {
        const flights = this.#takeOldest();
        if (flights.length === 0) return;
        this.#statements += 1;
        this.#read(flights).finally(() => {
          this.#statements -= 1;
          this.#pump();
        });
      }
    });
  }

  /** With all that can share its statement. */
  #takeOldest(): readonly Flight[] {
    const flights: Flight[] = [];
    for (const flight of this.#queue) {
      const isAlone = flight.keys.length > 1;
      if (isAlone && flights.length > 0) continue;
      flights.push(flight);
      this.#queue.delete(flight);
      if (isAlone || flights.length === STATEMENT_KEYS_MAX) break;
    }
    return flights;
  }

  async #read(flights: readonly Flight[]): Promise<void> {
    const { reads, view, clock, telemetry } = this.#options;
    const startedAtMs = clock.monotonicMs();
    for (const flight of flights) flight.startedAtMs = startedAtMs;
    const keys = flights.flatMap((flight) => flight.keys);
    const bytesMax = keys.length > flights.length ? ANSWER_BYTES_MAX : STATEMENT_BYTES_MAX;
    telemetry.add('store_loads', keys.length);
    try {
      const { head, parameters } = await reads.read(keys, bytesMax);
      const asOf = head.revision;
      for (const flight of flights) {
        const contents = flight.keys.map((key) => {
          const parameter = parameters.get(key);
          return parameter ? view.contentOf(parameter, asOf) : view.absent(asOf);
        });
        this.#land(flight, { contents, asOf, startedAtMs });
      }
    } catch (error) {
      if (error instanceof StoreError && error.kind === 'too-large' && flights.length > 1) {
        for (const flight of flights) {
          // Whoever waited may have given up on so much.
          if (flight.waiters > 0) await this.#read([flight]);
          else this.#fail(flight, error);
        }
        return;
      }
      for (const flight of flights) this.#fail(flight, error);
    }
  }

  #land(flight: Flight, loaded: LoadedTogether): void {
    this.#settle(flight);
    flight.done.resolve(loaded);
    const [key, another] = flight.keys;
    // Several are read together when they change too often to be kept.
    if (key !== undefined && another === undefined) this.#fill(key, loaded.contents[0]!);
  }

  #fail(flight: Flight, error: unknown): void {
    this.#settle(flight);
    flight.done.reject(error);
  }

  #settle(flight: Flight): void {
    this.#flights.delete(flight.name);
    if (flight.next !== undefined && flight.next.waiters > 0) this.#enqueue(flight.next);
  }

  /** Both caches, once `applied` has reached what was read, and only if it is still current then. */
  #fill(key: string, content: Content): void {
    const { view, tailer } = this.#options;
    if (content.asOf <= view.applied) view.spread(key, content);
    else tailer.reached(content.asOf).then(() => view.spread(key, content));
  }
}

function newFlight(name: string, keys: readonly string[]): Flight {
  return { name, keys, done: deferred(), waiters: 0, startedAtMs: undefined, next: undefined };
}
