import type { LogEntry } from '../../model/event.ts';
import type { Head } from '../../model/revision.ts';
import type { Announcement, Bus } from '../../ports/bus.ts';
import type { Clock, Timer } from '../../ports/clock.ts';
import { type LogPage, type Store, StoreError } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { AppliedLog, Asked } from './applied-log.ts';
import type { FoundEpoch } from './epoch-change.ts';
import { HeldAnnouncements } from './held-announcements.ts';

export interface LogFeedOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly log: AppliedLog;
  /** Takes up the head that came with a page. */
  readonly admit: (asked: Asked, head: Head) => void;
  /** The log is not the one that is applied: resolves when it is found out which one counts. @throws StoreError */
  readonly changeEpoch: (head: Head) => Promise<void>;
}

/** How long an announcement may be late before the log is read instead. */
export const HOLE_PATIENCE_MS = 10;
const LOG_PAGE_ENTRIES_MAX = 1000;
const LOG_PAGE_BYTES_MAX = 4 << 20;

/**
 * Brings the applied log forward, in order and without a hole.
 *
 * Naive: apply what pub/sub brings. It loses, doubles and reorders. Chosen: an announcement is applied only if it follows
 * `applied` without a hole and its batch id chains to the one applied last; everything else is repaired from the log.
 */
export class LogFeed {
  readonly #options: LogFeedOptions;
  readonly #log: AppliedLog;
  readonly #held = new HeldAnnouncements();
  #reading: Promise<void> | undefined;
  #readAgain = false;
  #holeTimer: Timer | undefined;
  #following = false;
  #stopped = false;

  constructor(options: LogFeedOptions) {
    this.#options = options;
    this.#log = options.log;
  }

  /** Applies the newest changes of the first history. @throws StoreError */
  async start(first: FoundEpoch): Promise<void> {
    this.#log.adopt(first, true);
    await this.readLog();
    this.#following = true;
  }

  /** Resolves when the read in flight has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#holeTimer?.cancel();
    await this.#reading?.catch(() => {});
  }

  /** Goes on with another history. */
  adopt(found: FoundEpoch): void {
    this.#held.clear();
    this.#log.adopt(found);
    // Not waited for: this may run inside a log read, whose next page goes on then.
    this.readLog().catch(() => {});
  }

  /** Committed changes of the present epoch. */
  announced(announcement: Announcement): void {
    const { applied } = this.#log;
    if (announcement.to <= applied) return;
    if (announcement.from > applied + 1n) {
      this.#held.hold(announcement);
      this.expectHole();
      return;
    }
    this.#applyAnnouncement(announcement);
    this.#applyHeld();
  }

  /** Something beyond `applied` exists. If no announcement brings it soon, the log does. */
  expectHole(): void {
    if (this.#holeTimer !== undefined || this.#stopped) return;
    const { bus, clock } = this.#options;
    if (bus.state() !== 'connected' && this.#held.isEmpty) {
      this.readLog().catch(() => {});
      return;
    }
    this.#holeTimer = clock.setTimer(HOLE_PATIENCE_MS, () => {
      this.#holeTimer = undefined;
      if (!this.#held.isEmpty || this.#log.isAwaited) {
        this.readLog().catch(() => {});
      }
    });
  }

  /** Reads the log until its end; one read at a time. @throws StoreError */
  readLog(): Promise<void> {
    if (this.#reading !== undefined) {
      this.#readAgain = true;
      return this.#reading;
    }
    const reading = (async () => {
      do {
        this.#readAgain = false;
        while (!this.#stopped && (await this.#readPage())) {}
      } while (this.#readAgain && !this.#stopped);
    })();
    this.#reading = reading;
    const ended = () => {
      this.#reading = undefined;
    };
    reading.then(ended, ended);
    return reading;
  }

  /** @returns whether there is more */
  async #readPage(): Promise<boolean> {
    const { store, telemetry, admit } = this.#options;
    telemetry.add('log_reads');
    const asked = this.#log.ask();
    const page = await store.readLog({
      after: asked.applied,
      entriesMax: LOG_PAGE_ENTRIES_MAX,
      bytesMax: LOG_PAGE_BYTES_MAX,
      values: this.#log.wantsValues,
      lane: 'tailer',
    });
    const fit = this.#log.fits(asked, page);
    if (fit === 'outdated') return true;
    if (fit === 'parted') return this.#parted(asked, page.head);
    if (fit === 'behind') return this.#fellBehind(page.head);
    this.#applyPage(page);
    this.#applyHeld();
    admit(asked, page.head);
    return page.head.revision > this.#log.applied;
  }

  #applyPage(page: LogPage): void {
    const { bus, telemetry } = this.#options;
    const unannounced = page.entries.filter((entry) => entry.revision > this.#log.applied);
    for (const entry of unannounced) this.#apply(entry);
    const { startRevision } = this.#log.history.epoch;
    if (page.entries.length === 0 && page.head.revision === startRevision - 1n) this.#log.passInto(startRevision);
    if (unannounced.length > 0 && this.#following && bus.state() === 'connected') {
      telemetry.add('bus_repaired');
      bus.suspect();
    }
  }

  #applyAnnouncement(announcement: Announcement): void {
    const { applied, batchId } = this.#log;
    const overlap = announcement.entries.find((entry) => entry.revision === applied);
    const before = announcement.from === applied + 1n ? announcement.previousBatchId : overlap?.batchId;
    if (before !== batchId) {
      this.readLog().catch(() => {});
      return;
    }
    for (const entry of announcement.entries) if (entry.revision > this.#log.applied) this.#apply(entry);
  }

  #applyHeld(): void {
    for (let next = this.#held.takeReached(this.#log.applied); next; next = this.#held.takeReached(this.#log.applied)) {
      if (next.to > this.#log.applied) this.#applyAnnouncement(next);
    }
  }

  #apply(entry: LogEntry): void {
    if (!this.#log.apply(entry)) this.readLog().catch(() => {});
    if (this.#following) this.#observeAge(entry);
  }

  /** By the store's clock and this machine's: only as true as they agree. */
  #observeAge({ events }: LogEntry): void {
    const writtenAtUs = events[0]?.parameter?.updateTimeUs;
    if (writtenAtUs === undefined) return;
    const { clock, telemetry } = this.#options;
    telemetry.observe('propagation_seconds', Math.max(0, clock.wallMs() / 1000 - Number(writtenAtUs) / 1e6));
  }

  /** What was applied is not what the store has. */
  async #parted(asked: Asked, head: Head): Promise<boolean> {
    const { store, changeEpoch } = this.#options;
    const before = this.#log.history;
    await changeEpoch(head);
    if (this.#log.history !== before) return true;
    if (!this.#log.isOurs(asked, head)) throw new StoreError('epoch-changed', 'the log was of another epoch');
    this.#rebase(await store.readHead());
    return true;
  }

  /** This replica slept longer than history is kept. */
  #fellBehind(head: Head): boolean {
    this.#options.telemetry.log('warn', 'the log was compacted beyond what this replica had applied; starting again', {
      applied: this.#log.applied,
      compactRevision: head.compactRevision,
    });
    this.#rebase(head);
    return true;
  }

  #rebase(head: Head): void {
    this.#held.clear();
    this.#log.rebase(head);
  }
}
