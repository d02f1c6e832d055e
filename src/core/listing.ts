import { ParamdError } from '../model/errors.ts';
import { type Head, newer } from '../model/revision.ts';
import type { Clock } from '../ports/clock.ts';
import type { ListRange, Store, ListedPage as StorePage } from '../ports/store.ts';
import { StoreError } from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Call, ListedPage, ListRequest } from './api.ts';
import type { CacheView } from './cache/cache-view.ts';
import type { Lease } from './cache/lease.ts';
import { callerError, needOf, revisionLost, tooLate } from './cache/need.ts';
import { within } from './waiting.ts';
import type { Tailer } from './watch/tailer.ts';

/** Of one page, so that with everything around it a response stays below 4 MiB - 64 KiB. */
const PAGE_BYTES_MAX = 3 << 20;
const EPOCH_RETRIES_MAX = 3;

export interface ListingOptions {
  readonly store: Store;
  readonly view: CacheView;
  readonly tailer: Tailer;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly stalenessMs: number;
}

/** A page of the state, and when the statement that read it began. */
export interface StatePage extends StorePage {
  readonly startedAtMs: number;
}

/** ListParameters: always from the store, every page as of the first one's revision. No transaction stays open. */
export class Listing {
  readonly #options: ListingOptions;

  constructor(options: ListingOptions) {
    this.#options = options;
  }

  async list(request: ListRequest, call: Call): Promise<ListedPage> {
    const { clock, tailer } = this.#options;
    const patience = { deadlineAtMs: call.deadlineAtMs, signal: call.signal };
    try {
      const page = await within(this.#page(request, call), clock, patience);
      if (page === 'late') throw tooLate(tailer.storeReachable, tailer.applied, 'a page of the listing');
      return page;
    } catch (error) {
      throw callerError(error);
    }
  }

  async #page(request: ListRequest, call: Call): Promise<ListedPage> {
    const { view, tailer, stalenessMs, clock } = this.#options;
    const { prefix, limit, keysOnly, cursor } = request;
    const need = needOf(request.consistency, call, stalenessMs, tailer.history);
    const asOf = cursor?.revision;
    if (asOf !== undefined) this.refuseLost(asOf);
    const range = { prefix, after: cursor?.after, asOf, limit, bytesMax: PAGE_BYTES_MAX, keysOnly };
    const page = await this.read(range);
    this.refuseLost(need.atLeast);
    const revision = asOf ?? page.head.revision;
    if (cursor === undefined && revision < newer(need.atLeast, view.floors.highest)) {
      throw revisionLost(need.atLeast, page.head.revision);
    }
    const last = page.parameters.at(-1);
    return {
      parameters: page.parameters.map((parameter) => view.contentOf(parameter, revision).encoded!),
      freshness: {
        revision,
        servedFrom: 'store',
        stalenessBoundMs: cursor === undefined ? clock.monotonicMs() - page.startedAtMs : undefined,
        degraded: false,
      },
      next: page.more && last !== undefined ? { revision, after: last.key } : undefined,
    };
  }

  /** Within the present epoch, and only from history that is kept. @throws StoreError, ParamdError */
  async read(range: ListRange): Promise<StatePage> {
    const { store, tailer, lease, telemetry } = this.#options;
    for (let attempt = 0; attempt < EPOCH_RETRIES_MAX; attempt++) {
      const start = lease.mark();
      const appliedBefore = tailer.applied;
      telemetry.add('store_reads');
      const page = await store.list(range);
      if (!tailer.admit(start, page.head, appliedBefore)) {
        await tailer.epochResolved();
        if (range.asOf !== undefined) this.refuseLost(range.asOf);
        continue;
      }
      if (range.asOf !== undefined) refuseGone(range.asOf, page.head);
      return { ...page, startedAtMs: start.atMs };
    }
    throw new StoreError('epoch-changed', 'the store is changing its epoch');
  }

  refuseLost(revision: bigint): void {
    const { history } = this.#options.tailer;
    if (history.isLost(revision)) throw revisionLost(revision, history.epoch.startRevision);
  }
}

function refuseGone(asOf: bigint, head: Head): void {
  if (asOf > head.revision) throw revisionLost(asOf, head.revision);
  if (asOf >= head.compactRevision) return;
  throw new ParamdError({ reason: 'REVISION_COMPACTED', requested: asOf, oldestRevision: head.compactRevision });
}
