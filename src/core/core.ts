import { ParamdError } from '../model/errors.ts';
import type { Write } from '../model/write.ts';
import type { Bus } from '../ports/bus.ts';
import type { Clock, Random } from '../ports/clock.ts';
import type { ParameterCodec } from '../ports/codec.ts';
import type { SharedCache } from '../ports/shared-cache.ts';
import type { Store } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Call, Consistency, ListRequest, ParamdCore, Status, WarmRequest, WatchSpec } from './api.ts';
import { Auditor, type AuditResult } from './audit/auditor.ts';
import { BatchRead } from './cache/batch-read.ts';
import { CacheView } from './cache/cache-view.ts';
import { Lease } from './cache/lease.ts';
import { NearCache, type NearCachePolicy } from './cache/near-cache.ts';
import { Proof } from './cache/proof.ts';
import { ReadPath } from './cache/read-path.ts';
import { SharedLookup } from './cache/shared-lookup.ts';
import { StoreLoader } from './cache/store-loader.ts';
import { Listing } from './listing.ts';
import { StoreReads } from './store-reads.ts';
import { warm } from './warming.ts';
import { WatchHub } from './watch/hub.ts';
import { Tailer } from './watch/tailer.ts';
import { WatchSession } from './watch/watch-session.ts';
import { WritePath } from './write/write-path.ts';

export interface CoreOptions {
  readonly store: Store;
  readonly sharedCache: SharedCache;
  readonly bus: Bus;
  readonly codec: ParameterCodec;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  /** 32 hexadecimal digits. */
  readonly newBatchId: () => string;
  readonly limits: CoreLimits;
}

export interface CoreLimits {
  /** Z (C5): how old an answer may be where the call says nothing. */
  readonly stalenessMs: number;
  /** Of the head, while reads or watches need the lease. */
  readonly pollIntervalMs: number;
  readonly idlePollIntervalMs: number;
  readonly nearCachePolicy: NearCachePolicy;
  readonly nearCacheEntriesMax: number;
  readonly nearCacheBytesMax: number;
  /** In which keys' last changes are remembered: a power of two. 8 bytes each; fewer mean more misses. */
  readonly changeSlots: number;
  readonly loadsConcurrentMax: number;
  readonly loadWaitersMax: number;
  /** Of one watch (C11). */
  readonly watchQueueBytesMax: number;
  readonly watchRingBytesMax: number;
  readonly watchesMax: number;
}

export const CORE_LIMITS: CoreLimits = {
  stalenessMs: 500,
  pollIntervalMs: 100,
  idlePollIntervalMs: 1000,
  nearCachePolicy: 'w-tinylfu',
  nearCacheEntriesMax: 100_000,
  nearCacheBytesMax: 64 << 20,
  changeSlots: 1 << 20,
  loadsConcurrentMax: 8,
  loadWaitersMax: 10_000,
  watchQueueBytesMax: 1 << 20,
  watchRingBytesMax: 16 << 20,
  watchesMax: 10_000,
};

export interface RunningCore extends ParamdCore {
  /** Compares some cached entries of both tiers with the store. */
  audit(): Promise<AuditResult>;
  /** Ends reading the log; calls in flight see what they have. */
  stop(): Promise<void>;
}

/** After a read the lease is kept up for this long. */
const LEASE_NEEDED_MS = 1000;

/** The core of one replica: every cache a view at a revision of the one log. @throws StoreError */
export async function startCore(options: CoreOptions): Promise<RunningCore> {
  const { store, sharedCache, bus, codec, clock, random, telemetry, limits, newBatchId } = options;
  const { stalenessMs } = limits;
  const near = new NearCache(limits.nearCachePolicy, {
    entriesMax: limits.nearCacheEntriesMax,
    bytesMax: limits.nearCacheBytesMax,
  });
  const lease = new Lease(clock);
  const view = new CacheView({ near, shared: sharedCache, codec, clock, random, changeSlots: limits.changeSlots });
  const hub = new WatchHub({ clock, telemetry, ringBytesMax: limits.watchRingBytesMax });
  /** Those that are still being opened, too. */
  let watches = 0;
  let lastReadAtMs = Number.NEGATIVE_INFINITY;
  const isNeededAt = (nowMs: number) => hub.watchers > 0 || nowMs - lastReadAtMs < LEASE_NEEDED_MS;
  const isNeeded = () => isNeededAt(clock.monotonicMs());
  const intervals = { activeMs: limits.pollIntervalMs, idleMs: limits.idlePollIntervalMs };
  const views = [view, hub];
  const tailer = new Tailer({ store, bus, clock, random, telemetry, lease, views, intervals, isNeeded });
  const reads = new StoreReads(store, tailer, telemetry);
  hub.follow(reads);
  const proof = new Proof(lease, tailer, clock, telemetry);
  const loader = new StoreLoader({ reads, view, tailer, clock, telemetry, limits });
  const common = { view, loader, tailer, lease, proof, clock, telemetry, stalenessMs };
  const lookup = new SharedLookup(sharedCache);
  const readPath = new ReadPath({ ...common, lookup, random });
  const batchRead = new BatchRead({ ...common, shared: sharedCache });
  const listing = new Listing({ reads, view, tailer, clock, stalenessMs });
  const writePath = new WritePath({ store, bus, view, tailer, clock, telemetry, newBatchId });
  const auditor = new Auditor({ view, shared: sharedCache, store, reads, tailer, codec, clock, random, telemetry });
  const session = { hub, tailer, listing, proof, clock, queueBytesMax: limits.watchQueueBytesMax };

  await tailer.start();

  const needed = ({ startedAtMs }: Call) => {
    const wasIdle = !isNeededAt(startedAtMs);
    lastReadAtMs = startedAtMs;
    if (wasIdle) tailer.hurry();
  };
  return {
    get(key: string, consistency: Consistency, call: Call) {
      needed(call);
      return readPath.get(key, consistency, call);
    },
    getMany(keys: readonly string[], consistency: Consistency, call: Call) {
      needed(call);
      return batchRead.getMany(keys, consistency, call);
    },
    list: (request: ListRequest, call: Call) => listing.list(request, call),
    write: (write: Write, call: Call) => writePath.write(write, call),
    watch(spec: WatchSpec, call: Call) {
      if (watches >= limits.watchesMax) {
        throw new ParamdError({ reason: 'RATE_LIMITED', limit: 'watches', maximum: limits.watchesMax, retryMs: 1000 });
      }
      watches += 1;
      const closed = () => {
        watches -= 1;
      };
      return new WatchSession(spec, call, { ...session, closed });
    },
    warm: (request: WarmRequest, call: Call) => warm(request, call, { listing, view, tailer, clock }),
    audit: () => auditor.audit(),
    status: (): Status => ({
      tiers: [
        {
          tier: 'near-cache',
          hits: telemetry.total('near_hits'),
          misses: telemetry.total('near_misses'),
          entries: near.entries,
          bytes: near.bytes,
          evictions: near.evictions,
        },
        {
          tier: 'shared-cache',
          hits: telemetry.total('shared_hits'),
          misses: telemetry.total('shared_misses'),
          entries: 0,
          bytes: 0,
          evictions: 0,
        },
        {
          tier: 'store',
          hits: telemetry.total('store_loads'),
          misses: 0,
          entries: 0,
          bytes: 0,
          evictions: 0,
        },
      ],
      applied: tailer.applied,
      freshnessAgeMs: lease.ageMs(),
      busState: bus.state(),
      loads: telemetry.total('store_loads'),
      watchers: hub.watchers,
      watchQueueBytes: hub.queueBytes,
      storeReachable: tailer.storeReachable,
      epochNumber: tailer.history.epoch.number,
      compactRevision: tailer.compactRevision,
    }),
    async stop() {
      hub.stop();
      await tailer.stop();
    },
  };
}
