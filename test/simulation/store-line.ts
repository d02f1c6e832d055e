import type { MemoryStore, StoreCall } from '../../src/adapters/memory/store.ts';
import type { VirtualClock } from '../../src/adapters/memory/virtual-clock.ts';
import { type Store, StoreError } from '../../src/ports/store.ts';
import type { Chance } from './chance.ts';
import type { Machine } from './machine.ts';
import type { Trace } from './trace.ts';

/**
 * What a line to the store does. silent: requests are lost. mute: they arrive, answers are lost. late: they arrive after
 * the caller has given up. refused: no connection is to be had. slow: each way takes its time. shaky: any of it.
 */
export type LineTrouble = 'none' | 'silent' | 'mute' | 'late' | 'refused' | 'slow' | 'shaky';

/** What becomes of one call. Infinity: it is lost on this way. */
interface Fate {
  readonly requestMs: number;
  readonly answerMs: number;
}

const SHAKY: readonly LineTrouble[] = ['none', 'none', 'none', 'silent', 'mute', 'late', 'refused', 'slow'];

export interface StoreLineOptions {
  readonly machine: Machine;
  readonly name: string;
  readonly chance: Chance;
  readonly world: VirtualClock;
  readonly trace: Trace;
  /** The server that the line leads to now. */
  readonly server: () => MemoryStore;
  readonly trouble: () => LineTrouble;
  /** When a caller gives up on an answer. */
  readonly patienceMs: number;
}

/** A replica's connection to the store, with what a network can do to it. */
export class StoreLine {
  readonly #options: StoreLineOptions;
  #onTheWay = 0;

  constructor(options: StoreLineOptions) {
    this.#options = options;
  }

  /** Requests that are yet to arrive. */
  get onTheWay(): number {
    return this.#onTheWay;
  }

  get store(): Store {
    const call = <T>(name: StoreCall, run: (server: MemoryStore) => Promise<T>) => this.#call(name, run);
    return {
      installation: () => call('installation', (server) => server.installation()),
      epochs: () => call('epochs', (server) => server.epochs()),
      readHead: () => call('readHead', (server) => server.readHead()),
      read: (keys, limits) => call('read', (server) => server.read(keys, limits)),
      list: (range) => call('list', (server) => server.list(range)),
      readLog: (request) => call('readLog', (server) => server.readLog(request)),
      readEntry: (revision) => call('readEntry', (server) => server.readEntry(revision)),
      commit: (batch, expected) => call('commit', (server) => server.commit(batch, expected)),
      startEpoch: (expected, lostAfter, seen) =>
        call('startEpoch', (server) => server.startEpoch(expected, lostAfter, seen)),
      upkeep: {
        compact: (historyMs) => call('upkeep', (server) => server.upkeep.compact(historyMs)),
        trim: () => call('upkeep', (server) => server.upkeep.trim()),
        extend: () => call('upkeep', (server) => server.upkeep.extend()),
      },
      close: async () => {},
    };
  }

  #call<T>(name: StoreCall, run: (server: MemoryStore) => Promise<T>): Promise<T> {
    return this.#options.machine.reach(name, () => this.#carry(name, run));
  }

  #carry<T>(name: StoreCall, run: (server: MemoryStore) => Promise<T>): Promise<T> {
    const { world, server, patienceMs } = this.#options;
    const trouble = this.#trouble();
    if (trouble === 'refused') return Promise.reject(new StoreError('unreachable', 'connection refused'));
    const { requestMs, answerMs } = this.#fate(trouble);
    const target = server();
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    if (requestMs + answerMs > patienceMs) world.setTimer(patienceMs, () => reject(this.#lost(name)));
    if (requestMs < Number.POSITIVE_INFINITY) this.#onTheWay += 1;
    this.#after(requestMs, () => {
      this.#onTheWay -= 1;
      run(target).then(
        (answer) => this.#after(answerMs, () => resolve(answer)),
        (error: unknown) => this.#after(answerMs, () => reject(this.#failure(name, error))),
      );
    });
    return promise;
  }

  #trouble(): LineTrouble {
    const { chance, trouble } = this.#options;
    const present = trouble();
    return present === 'shaky' ? chance.pick(SHAKY) : present;
  }

  #fate(trouble: LineTrouble): Fate {
    const { chance, patienceMs } = this.#options;
    const wayMs = () => (chance.of(0.5) ? 0 : chance.between(0, 4));
    switch (trouble) {
      case 'silent':
        return { requestMs: Number.POSITIVE_INFINITY, answerMs: 0 };
      case 'mute':
        return { requestMs: wayMs(), answerMs: Number.POSITIVE_INFINITY };
      case 'late':
        return { requestMs: patienceMs + chance.between(0, 1500), answerMs: 0 };
      case 'slow':
        return { requestMs: chance.between(0, 250), answerMs: chance.between(0, 250) };
      default:
        // Now and then a hiccup, which lets others overtake.
        return { requestMs: wayMs(), answerMs: chance.of(0.1) ? chance.between(0, 60) : wayMs() };
    }
  }

  /** A server that ends while it works tells nobody what it has done. */
  #failure(name: StoreCall, error: unknown): unknown {
    const ended = name === 'commit' && error instanceof StoreError && error.kind === 'unreachable';
    return ended && this.#options.chance.of(0.5) ? this.#lost(name) : error;
  }

  #lost(name: StoreCall): StoreError {
    const { trace } = this.#options;
    trace.tell(this.#options.name, () => `gives up on ${name}`);
    return new StoreError(name === 'commit' ? 'ambiguous' : 'unreachable', 'connection lost');
  }

  #after(ms: number, run: () => void): void {
    if (ms === 0) run();
    else if (ms < Number.POSITIVE_INFINITY) this.#options.world.setTimer(ms, run);
  }
}
