import { ParamdError } from '../../model/errors.ts';
import type { Revision } from '../../model/revision.ts';
import type { Clock } from '../../ports/clock.ts';
import { StoreError } from '../../ports/store.ts';
import type { StoreReads } from '../store-reads.ts';
import { type Deferred, deferred, type Patience, within } from '../waiting.ts';
import type { Tailer } from '../watch/tailer.ts';
import type { CacheView, Content } from './cache-view.ts';

/** Keys that wait for a free statement share it. */
const STATEMENT_KEYS_MAX = 100;
/** Of one statement's values. Beyond it each key is read alone. */
const STATEMENT_BYTES_MAX = 8 << 20;

export interface LoaderLimits {
  /** C12: statements in flight. */
  readonly loadsConcurrentMax: number;
  /** Callers that wait for loads. */
  readonly loadWaitersMax: number;
}

export interface LoaderOptions {
  readonly reads: StoreReads;
  readonly view: CacheView;
  readonly tailer: Tailer;
  readonly clock: Clock;
  readonly limits: LoaderLimits;
}

/** What a load found, and when its statement began. */
export interface Loaded extends Content {
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
  readonly key: string;
  readonly done: Deferred<Loaded>;
  waiters: number;
  /** Undefined: waits for a statement, so it will begin later than now. */
  startedAtMs: number | undefined;
  /** Begins when this one has ended: for callers that came too late for this one. */
  next: Flight | undefined;
}

/**
 * Loads from the store: one per key at a time (single-flight), a bounded number of statements at once (C12).
 *
 * Naive single-flight hands a caller whatever load is under way, even one that read before the caller's own write. Here a
 * caller accepts a flight only if it began in time and reflects enough; otherwise it joins the next one, which begins
 * when the present one has ended. A caller that leaves ends nothing that others wait for, and nothing that has begun.
 */
export class StoreLoader {
  readonly #options: LoaderOptions;
  readonly #flights = new Map<string, Flight>();
  /** In the order in which they were asked for. Each has a waiter, so they are as bounded as those. */
  readonly #queue = new Set<Flight>();
  /** Statements that are none of a flight, and have not begun. */
  readonly #turns = new Set<() => Promise<void>>();
  #statements = 0;
  #waiters = 0;

  constructor(options: LoaderOptions) {
    this.#options = options;
  }

  /** @throws StoreError; ParamdError RATE_LIMITED if too many wait */
  async load(key: string, need: LoadNeed, patience: Patience): Promise<Loaded | 'late'> {
    this.#addWaiter();
    try {
      for (let sinceMs = need.sinceMs; ; sinceMs = need.callStartedAtMs) {
        const flight = this.#join(key, sinceMs);
        const loaded = await this.#wait(flight, patience);
        if (loaded === 'late') return 'late';
        if (loaded.asOf >= need.atLeast || loaded.startedAtMs >= need.callStartedAtMs) return loaded;
      }
    } finally {
      this.#waiters -= 1;
    }
  }

  /** A statement that serves one caller alone takes its turn among the loads (C12). @throws as `load` */
  async inTurn<T>(read: () => Promise<T>, patience: Patience): Promise<T | 'late'> {
    this.#addWaiter();
    const done = deferred<T>();
    const turn = () => read().then(done.resolve, done.reject);
    this.#turns.add(turn);
    this.#pump();
    try {
      return await within(done.promise, this.#options.clock, patience);
    } finally {
      this.#turns.delete(turn);
      this.#waiters -= 1;
    }
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

  async #wait(flight: Flight, patience: Patience): Promise<Loaded | 'late'> {
    flight.waiters += 1;
    try {
      return await within(flight.done.promise, this.#options.clock, patience);
    } finally {
      flight.waiters -= 1;
      if (flight.waiters === 0 && this.#queue.delete(flight)) this.#flights.delete(flight.key);
    }
  }

  #join(key: string, sinceMs: number): Flight {
    const current = this.#flights.get(key);
    if (current === undefined) return this.#enqueue(key);
    if (current.startedAtMs === undefined || current.startedAtMs >= sinceMs) return current;
    current.next ??= newFlight(key);
    return current.next;
  }

  #enqueue(key: string, flight = newFlight(key)): Flight {
    this.#flights.set(key, flight);
    this.#queue.add(flight);
    this.#pump();
    return flight;
  }

  #pump(): void {
    // Keys asked for in the same tick share a statement.
    queueMicrotask(() => {
      while (this.#statements < this.#options.limits.loadsConcurrentMax) {
        const next = this.#begin();
        if (next === undefined) return;
        this.#statements += 1;
        next.finally(() => {
          this.#statements -= 1;
          this.#pump();
        });
      }
    });
  }

  #begin(): Promise<void> | undefined {
    const [turn] = this.#turns;
    if (turn === undefined) return this.#queue.size === 0 ? undefined : this.#read(this.#takeFirst());
    this.#turns.delete(turn);
    return turn();
  }

  #takeFirst(): readonly Flight[] {
    const flights: Flight[] = [];
    for (const flight of this.#queue) {
      if (flights.length === STATEMENT_KEYS_MAX) break;
      flights.push(flight);
      this.#queue.delete(flight);
    }
    return flights;
  }

  async #read(flights: readonly Flight[]): Promise<void> {
    const { reads, view, clock } = this.#options;
    const startedAtMs = clock.monotonicMs();
    for (const flight of flights) flight.startedAtMs = startedAtMs;
    const keys = flights.map((flight) => flight.key);
    try {
      const { head, parameters } = await reads.read(keys, STATEMENT_BYTES_MAX);
      for (const flight of flights) {
        const parameter = parameters.get(flight.key);
        const content = parameter ? view.contentOf(parameter, head.revision) : view.absent(head.revision);
        this.#land(flight, { ...content, startedAtMs });
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

  #land(flight: Flight, loaded: Loaded): void {
    this.#settle(flight);
    flight.done.resolve(loaded);
    this.#fill(flight.key, loaded);
  }

  #fail(flight: Flight, error: unknown): void {
    this.#settle(flight);
    flight.done.reject(error);
  }

  #settle(flight: Flight): void {
    this.#flights.delete(flight.key);
    if (flight.next !== undefined && flight.next.waiters > 0) this.#enqueue(flight.key, flight.next);
  }

  /** Both caches, once `applied` has reached what was read, and only if it is still current then. */
  #fill(key: string, loaded: Loaded): void {
    const { view, tailer } = this.#options;
    if (loaded.asOf <= view.applied) view.spread(key, loaded);
    else tailer.reached(loaded.asOf).then(() => view.spread(key, loaded));
  }
}

function newFlight(key: string): Flight {
  return { key, done: deferred(), waiters: 0, startedAtMs: undefined, next: undefined };
}
