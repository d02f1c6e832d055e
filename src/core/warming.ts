import type { Clock } from '../ports/clock.ts';
import type { Call, WarmProgress, WarmRequest } from './api.ts';
import type { CacheView } from './cache/cache-view.ts';
import { callerError } from './cache/need.ts';
import type { Listing } from './listing.ts';
import { pause, within } from './waiting.ts';
import type { Tailer } from './watch/tailer.ts';

/** A page is at most this part of a second's keys, so that the rate is even. */
const PAGES_PER_SECOND = 10;
const PAGE_KEYS_MAX = 1000;
const PAGE_BYTES_MAX = 1 << 20;
const REPORT_MS = 1000;

export interface WarmingOptions {
  readonly listing: Listing;
  readonly view: CacheView;
  readonly tailer: Tailer;
  readonly clock: Clock;
}

/** Loads a prefix into both caches, no faster than asked, until all of it is there or the near cache is full. */
export async function* warm(request: WarmRequest, call: Call, options: WarmingOptions): AsyncGenerator<WarmProgress> {
  const { listing, view, tailer, clock } = options;
  const patience = { deadlineAtMs: Number.POSITIVE_INFINITY, signal: call.signal };
  const limit = Math.max(1, Math.min(PAGE_KEYS_MAX, Math.floor(request.keysPerSecondMax / PAGES_PER_SECOND)));
  const startedAtMs = clock.monotonicMs();
  let reportedAtMs = startedAtMs;
  let warmedKeys = 0;
  for (let after: string | undefined, more = true; more && !view.near.isFull; ) {
    const range = { prefix: request.prefix, after, limit, bytesMax: PAGE_BYTES_MAX, keysOnly: false };
    const page = await within(listing.read(range), clock, patience).catch((error: unknown) => {
      throw callerError(error);
    });
    if (page === 'late') return;
    await within(tailer.reached(page.head.revision), clock, patience);
    for (const parameter of page.parameters) {
      if (view.near.isFull) break;
      view.spread(parameter.key, view.contentOf(parameter, page.head.revision));
      warmedKeys += 1;
    }
    after = page.parameters.at(-1)?.key;
    more = page.more;
    const dueAtMs = startedAtMs + (warmedKeys / request.keysPerSecondMax) * 1000;
    while (more && clock.monotonicMs() < dueAtMs) {
      await pause(clock, Math.min(dueAtMs, reportedAtMs + REPORT_MS) - clock.monotonicMs(), call.signal);
      if (clock.monotonicMs() < reportedAtMs + REPORT_MS) continue;
      reportedAtMs = clock.monotonicMs();
      yield { warmedKeys, complete: false };
    }
    if (clock.monotonicMs() >= reportedAtMs + REPORT_MS) {
      reportedAtMs = clock.monotonicMs();
      yield { warmedKeys, complete: false };
    }
  }
  yield { warmedKeys, complete: true };
}
