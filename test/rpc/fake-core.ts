import type { ListedPage, ParamdCore, Status, WarmProgress, Watch, WatchBatch } from '../../src/core/api.ts';
import { type Freshness, ParamdError } from '../../src/model/errors.ts';
import { CACHE_TTL_DEFAULT_NS, type Parameter } from '../../src/model/parameter.ts';
import { encodeParameter } from '../../src/rpc/parameter-codec.ts';

/** What the fake was asked, in order. */
export interface Asked {
  readonly method: keyof ParamdCore;
  readonly arguments: readonly unknown[];
}

export interface FakeCore extends ParamdCore {
  readonly asked: Asked[];
  /** Watches not yet closed. */
  readonly watches: Set<FakeWatch>;
  answer: Partial<ParamdCore>;
}

/** A core that answers what the test says, by default with one parameter under every key. */
export function fakeCore(): FakeCore {
  const asked: Asked[] = [];
  const watches = new Set<FakeWatch>();
  const core: FakeCore = {
    asked,
    watches,
    answer: {},
    get: async (...parameters) => {
      asked.push({ method: 'get', arguments: parameters });
      if (core.answer.get) return core.answer.get(...parameters);
      return { parameter: encodeParameter(aParameter({ key: parameters[0] })), freshness: FRESH };
    },
    getMany: async (...parameters) => {
      asked.push({ method: 'getMany', arguments: parameters });
      if (core.answer.getMany) return core.answer.getMany(...parameters);
      const found = parameters[0].map((key) => encodeParameter(aParameter({ key })));
      return { parameters: found, missingKeys: [], freshness: FRESH };
    },
    list: async (...parameters) => {
      asked.push({ method: 'list', arguments: parameters });
      if (core.answer.list) return core.answer.list(...parameters);
      return { parameters: [], freshness: FRESH, next: undefined } satisfies ListedPage;
    },
    write: async (...parameters) => {
      asked.push({ method: 'write', arguments: parameters });
      if (core.answer.write) return core.answer.write(...parameters);
      const sets = parameters[0].operations.filter((operation) => operation.type === 'set');
      return { revision: 12n, parameters: sets.map(({ key, value }) => aParameter({ key, value, revision: 12n })) };
    },
    watch: (...parameters) => {
      asked.push({ method: 'watch', arguments: parameters });
      if (core.answer.watch) return core.answer.watch(...parameters);
      const watch = fakeWatch(() => watches.delete(watch));
      watches.add(watch);
      return watch;
    },
    warm: (...parameters) => {
      asked.push({ method: 'warm', arguments: parameters });
      return core.answer.warm ? core.answer.warm(...parameters) : twoSteps();
    },
    status: () => core.answer.status?.() ?? STATUS,
  };
  return core;
}

async function* twoSteps(): AsyncGenerator<WarmProgress> {
  yield { warmedKeys: 10, complete: false };
  yield { warmedKeys: 20, complete: true };
}

export interface FakeWatch extends Watch {
  readonly closed: boolean;
  /** Times that next was called. */
  readonly nexts: number;
  push(batch: WatchBatch): void;
  fail(error: unknown): void;
}

export function fakeWatch(onClose: () => void): FakeWatch {
  const queue: (WatchBatch | { readonly error: unknown })[] = [];
  let waiting: { resolve(batch: WatchBatch): void; reject(error: unknown): void } | undefined;
  let closed = false;
  let nexts = 0;
  const give = (): void => {
    if (waiting === undefined) return;
    const item = closed ? { error: new ParamdError({ reason: 'CANCELLED' }) } : queue.shift();
    if (item === undefined) return;
    const { resolve, reject } = waiting;
    waiting = undefined;
    if ('error' in item) reject(item.error);
    else resolve(item);
  };
  return {
    get closed() {
      return closed;
    },
    get nexts() {
      return nexts;
    },
    next: () =>
      new Promise((resolve, reject) => {
        nexts++;
        waiting = { resolve, reject };
        give();
      }),
    close: () => {
      closed = true;
      onClose();
      give();
    },
    push: (batch) => {
      queue.push(batch);
      give();
    },
    fail: (error) => {
      queue.push({ error });
      give();
    },
  };
}

export const FRESH: Freshness = { revision: 7n, servedFrom: 'near-cache', stalenessBoundMs: 12.5, degraded: false };

export function aParameter(over: Partial<Parameter> = {}): Parameter {
  return {
    key: 'app:config:max_users',
    value: { kind: 'int_value', encoded: Uint8Array.of(0x10, 100) },
    revision: 7n,
    createRevision: 3n,
    version: 2n,
    createTimeUs: 1_700_000_000_000_001n,
    updateTimeUs: 1_700_000_001_000_002n,
    updatedBy: 'somebody',
    labels: new Map([['team', 'checkout']]),
    cacheTtlNs: CACHE_TTL_DEFAULT_NS,
    ...over,
  };
}

const TIER = { hits: 3, misses: 1, entries: 5, bytes: 500, evictions: 2 };
export const STATUS: Status = {
  tiers: [
    { tier: 'near-cache', ...TIER },
    { tier: 'shared-cache', ...TIER, hits: 0, misses: 0 },
    { tier: 'store', ...TIER },
  ],
  applied: 7n,
  freshnessAgeMs: 42.25,
  busState: 'connected',
  loads: 4,
  watchers: 1,
  watchQueueBytes: 0,
  storeReachable: true,
  epochNumber: 0n,
  compactRevision: 0n,
};
