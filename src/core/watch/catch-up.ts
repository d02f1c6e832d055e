import { ParamdError } from '../../model/errors.ts';
import type { Event, LogEntry } from '../../model/event.ts';
import { older } from '../../model/revision.ts';
import type { Clock } from '../../ports/clock.ts';
import { type LogPage, StoreError } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { StoreReads } from '../store-reads.ts';
import { pause } from '../waiting.ts';
import type { Watcher } from './watcher.ts';

const PAGE_ENTRIES_MAX = 500;
/** So that with previous values a page is one response at most, unless one Commit is larger. */
const PAGE_BYTES_MAX = 1 << 20;
const RETRY_MS = 200;

export interface CatchUpOptions {
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  /** Unsynced watches whose reader waits: only they are read for, which is the backpressure. */
  readonly behind: () => readonly Watcher[];
  /** Joins a watch to the live stream in one tick, if it is near enough. */
  readonly splice: (watcher: Watcher) => boolean;
  readonly matches: (entry: LogEntry, watcher: Watcher) => readonly Event[];
}

/** The one reader that pages the log for all unsynced watches of a replica. The one farthest behind comes first. */
export class CatchUp {
  readonly #options: CatchUpOptions;
  #reads!: StoreReads;
  #running = false;
  #stopped = false;

  constructor(options: CatchUpOptions) {
    this.#options = options;
  }

  follow(reads: StoreReads): void {
    this.#reads = reads;
  }

  wake(): void {
    if (this.#running || this.#stopped) return;
    this.#running = true;
    // Not in this tick: whoever wakes it is in the middle of something.
    queueMicrotask(() => void this.#run());
  }

  stop(): void {
    this.#stopped = true;
  }

  async #run(): Promise<void> {
    const { behind, splice, clock, telemetry } = this.#options;
    try {
      for (let waiting = behind(); waiting.length > 0 && !this.#stopped; waiting = behind()) {
        const unspliced = waiting.filter((watcher) => !splice(watcher));
        const needy = unspliced.filter((watcher) => watcher.isIdle);
        if (needy.length === 0) continue;
        try {
          await this.#readFor(needy);
        } catch (error) {
          if (!(error instanceof StoreError)) throw error;
          telemetry.log('debug', 'catching up waits for the store', { why: error.message });
          await pause(clock, RETRY_MS);
        }
      }
    } finally {
      this.#running = false;
    }
  }

  async #readFor(watchers: readonly Watcher[]): Promise<void> {
    const { telemetry } = this.#options;
    const after = watchers.map(({ position }) => position).reduce(older);
    telemetry.add('catch_up_reads');
    const page = await this.#reads.readLog({
      after,
      entriesMax: PAGE_ENTRIES_MAX,
      bytesMax: PAGE_BYTES_MAX,
      values: true,
      lane: 'catch-up',
    });
    this.#distribute(page, after);
  }

  /** In one tick. A reader that left, or a watch that an epoch change moved, is not among `behind` any more. */
  #distribute(page: LogPage, after: bigint): void {
    const { behind, matches, telemetry } = this.#options;
    const end = page.entries.at(-1)?.revision ?? page.head.revision;
    const isCompacted = after < page.head.compactRevision;
    for (const watcher of behind()) {
      if (watcher.position < page.head.compactRevision) {
        watcher.end(
          new ParamdError({
            reason: 'REVISION_COMPACTED',
            requested: watcher.position + 1n,
            oldestRevision: page.head.compactRevision + 1n,
          }),
        );
        continue;
      }
      // Without history from `after` on the page says nothing to those whose history is there.
      if (isCompacted || watcher.position < after || watcher.position >= end) continue;
      for (const entry of page.entries) {
        if (entry.revision <= watcher.position) continue;
        const events = matches(entry, watcher);
        if (events.length > 0 && !watcher.offer(entry.revision, events)) break;
        watcher.position = entry.revision;
        telemetry.add('watch_events', events.length);
      }
      if (page.entries.length === 0) watcher.position = end;
      watcher.greet();
      watcher.flush();
    }
  }
}
