import { ParamdError } from '../model/errors.ts';
import type { Head } from '../model/revision.ts';
import type { Clock } from '../ports/clock.ts';
import type { ListRange, ListedPage as StorePage } from '../ports/store.ts';
import type { Call, ListedPage, ListRequest } from './api.ts';
import type { CacheView } from './cache/cache-view.ts';
import { callerError, needOf, revisionLost, tooLate } from './cache/need.ts';
import { Gate } from './gate.ts';
import type { Started, StoreReads } from './store-reads.ts';
import { within } from './waiting.ts';
import type { Tailer } from './watch/tailer.ts';

/** Of one page, so that with everything around it a response stays below 4 MiB - 64 KiB. */
const PAGE_BYTES_MAX = 3 << 20;

/** Fewer than the connections for reads, so that loads always find one. */
const PAGES_CONCURRENT_MAX = 4;
/** More would wait longer than callers do. */
const PAGES_WAITING_MAX = 500;

export interface ListingOptions {
  readonly reads: StoreReads;
  readonly view: CacheView;
  readonly tailer: Tailer;
  readonly clock: Clock;
  readonly stalenessMs: number;
}

/** ListParameters: always from the store, every page as of the first one's revision. No transaction stays open. */
export class Listing {
  readonly #options: ListingOptions;
  readonly #gate: Gate;

  constructor(options: ListingOptions) {
    this.#options = options;
    const limits = { limit: 'listings', runningMax: PAGES_CONCURRENT_MAX, waitingMax: PAGES_WAITING_MAX };
    this.#gate = new Gate(limits, options.clock);
  }

  async list(request: ListRequest, call: Call): Promise<ListedPage> {
    const { clock, tailer } = this.#options;
    const patience = { deadlineAtMs: call.deadlineAtMs, signal: call.signal };
    try {
      const page = await within(
        this.#gate.pass(() => this.#page(request, call), patience),
        clock,
        patience,
      );
      if (page === 'late') throw tooLate(tailer.storeReachable, tailer.applied, 'a page of the listing');
      return page;
    } catch (error) {
      throw callerError(error);
    }
  }

  async #page(request: ListRequest, call: Call): Promise<ListedPage> {
    const { view, stalenessMs, clock } = this.#options;
    const { prefix, limit, keysOnly, cursor } = request;
    const need = needOf(request.consistency, call, stalenessMs);
    const asOf = cursor?.revision;
    const range = { prefix, after: cursor?.after, asOf, limit, bytesMax: PAGE_BYTES_MAX, keysOnly };
    const page = await this.read(range);
    this.refuseLost(need.atLeast);
    const revision = asOf ?? page.head.revision;
    // The statement began after the call: all that was acknowledged before (C1) is in it by itself.
    if (cursor === undefined && revision < need.atLeast) throw revisionLost(need.atLeast, revision);
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

  /** Only from history that is kept. @throws StoreError, ParamdError */
  async read(range: ListRange): Promise<StorePage & Started> {
    const page = await this.#options.reads.list(range);
    if (range.asOf === undefined) return page;
    this.refuseLost(range.asOf);
    refuseGone(range.asOf, page.head);
    return page;
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
