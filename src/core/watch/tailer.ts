import type { LogEntry } from '../../model/event.ts';
import type { Head, Revision } from '../../model/revision.ts';
import type { Announcement, Bus } from '../../ports/bus.ts';
import type { Clock, Random, Timer } from '../../ports/clock.ts';
import { type Expected, type LogPage, type Store, StoreError } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Lease } from '../cache/lease.ts';
import { History } from '../history.ts';
import { type Patience, pause, within } from '../waiting.ts';
import { AppliedLog, type Asked, type View } from './applied-log.ts';
import { findEpoch } from './epoch-change.ts';
import { HeldAnnouncements } from './held-announcements.ts';
import { Poller, type PollIntervals } from './poller.ts';

export interface TailerOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly clock: Clock;
  readonly random: Random;
  readonly telemetry: Telemetry;
  readonly lease: Lease;
  readonly views: readonly View[];
  readonly intervals: PollIntervals;
  /** Does anybody need the lease now? */
  readonly isNeeded: () => boolean;
}

/** How long an announcement may be late before the log is read instead. */
const HOLE_PATIENCE_MS = 10;
/** A connection that may lead to a former primary is left no more often: the next one may lead there too. */
const FORSAKE_EVERY_MS = 500;
const LOG_PAGE_ENTRIES_MAX = 1000;
const LOG_PAGE_BYTES_MAX = 4 << 20;
/** A head read that takes longer counts as unreachable for whoever may take a degraded answer. */
export const STORE_PATIENCE_MS = 500;

/**
 * Applies the one log, in order, and knows how far it got (`applied`).
 *
 * Naive: apply what pub/sub brings. It loses, doubles and reorders. Chosen: an announcement is applied only if it follows
 * `applied` without a hole and its batch id chains to the one applied last; everything else is repaired from the log.
 * Polling the head proves freshness and finds what was never announced; so the bus only makes things faster.
 */
export class Tailer {
  readonly #options: TailerOptions;
  readonly #poller: Poller;
  readonly #held = new HeldAnnouncements();
  readonly #log: AppliedLog;
  #reachable = true;
  #reading: Promise<void> | undefined;
  #readAgain = false;
  #changing: Promise<void> | undefined;
  #holeTimer: Timer | undefined;
  #following = false;
  /** Why the epoch cannot be changed, once it is logged. */
  #trouble = '';
  #forsookAtMs = Number.NEGATIVE_INFINITY;
  #stopped = false;

  constructor(options: TailerOptions) {
    this.#options = options;
    const { clock, random, intervals, isNeeded, lease, views } = options;
    this.#log = new AppliedLog(lease, views);
    this.#poller = new Poller({ clock, random, intervals, isNeeded, read: () => this.#readHead() });
  }

  get applied(): Revision {
    return this.#log.applied;
  }

  get history(): History {
    return this.#log.history;
  }

  /** History up to and including it is gone, as last seen. */
  get compactRevision(): Revision {
    return this.#log.compactRevision;
  }

  /** Did the last head read succeed? */
  get storeReachable(): boolean {
    return this.#reachable;
  }

  /** Take it before a statement is sent, and give it to `admit` with the answer. */
  ask(): Asked {
    return this.#log.ask();
  }

  /** What a batch tells the store of the log that it builds upon. */
  get expected(): Expected {
    return this.#log.expected;
  }

  /** Applies the newest changes and then follows. @throws StoreError */
  async start(): Promise<void> {
    const { store, bus } = this.#options;
    let head = await store.readHead();
    if (head.incarnation !== head.epoch.incarnation) head = await store.startEpoch(head.epoch, head.revision);
    const history = new History(await store.epochs());
    this.#log.adopt({ head, history, isLost: () => false }, true);
    await this.#readLog();
    this.#following = true;
    bus.listen({
      announced: (announcement) => this.announced(announcement),
      connected: () => this.#readLog().catch(() => {}),
      disconnected: () => {},
    });
    this.#poller.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#holeTimer?.cancel();
    await this.#poller.stop();
    await Promise.allSettled([this.#reading, this.#changing]);
  }

  /** Committed changes, from the bus or from this replica's own write. */
  announced(announcement: Announcement): void {
    const { applied, history } = this.#log;
    const { epoch } = history;
    if (announcement.epochId !== epoch.id) {
      if (announcement.epochNumber > epoch.number) void this.#lookFor(announcement.epochNumber);
      else this.#options.telemetry.add('bus_dropped');
      return;
    }
    if (announcement.to <= applied) return;
    if (announcement.from > applied + 1n) {
      this.#held.hold(announcement);
      this.#expectHole();
      return;
    }
    this.#applyAnnouncement(announcement);
    this.#applyHeld();
  }

  /** Waits until everything applied is proven to have been current no earlier than `sinceMs`. @throws StoreError */
  async proven(sinceMs: number, patience: Patience): Promise<'proven' | 'late'> {
    const { lease, clock } = this.#options;
    while (!lease.provenSince(sinceMs)) {
      if (clock.monotonicMs() >= patience.deadlineAtMs) return 'late';
      const head = await within(this.#poller.since(sinceMs), clock, patience);
      if (head === 'late') return 'late';
      if (lease.provenSince(sinceMs)) break;
      if ((await within(this.reached(head.revision), clock, patience)) === 'late') return 'late';
      if (lease.provenSince(sinceMs)) break;
      // Of an epoch that is not ours: to ask again at once would be to ask without end.
      if ((await within(pause(clock, HOLE_PATIENCE_MS), clock, patience)) === 'late') return 'late';
    }
    return 'proven';
  }

  /** The head, read no earlier than `sinceMs`. @throws StoreError */
  head(sinceMs: number): Promise<Head> {
    return this.#poller.since(sinceMs);
  }

  /** Resolves when `applied` has reached the revision, and at any epoch change: look again. */
  reached(revision: Revision): Promise<void> {
    const reached = this.#log.reached(revision);
    if (revision > this.#log.applied) this.#expectHole();
    return reached;
  }

  /** This revision exists: if no announcement brings it soon, the log is read. */
  expect(revision: Revision): void {
    if (revision > this.#log.applied) this.reached(revision).catch(() => {});
  }

  /** The lease is needed from now on. */
  hurry(): void {
    this.#poller.hurry();
  }

  /**
   * Every answer of the store comes through here: it is of use only if it belongs to the history that is applied.
   * @returns false: discard the answer, and wait until the epoch is found out
   */
  admit(asked: Asked, head: Head): boolean {
    this.#reachable = true;
    if (this.#log.isOutdated(asked)) return false;
    if (!this.#log.isOurs(asked, head) || !this.#log.observe(asked, head)) return false;
    if (head.revision > this.#log.applied) this.#expectHole();
    return true;
  }

  /**
   * Waits until the epoch is found out that made the store refuse a batch. Only what the tailer reads itself tells it:
   * other connections may lead to a former primary.
   * @param discarded the head of an answer that was not admitted
   */
  async epochResolved(discarded?: Head): Promise<void> {
    await this.#lookFor(discarded?.epoch.number ?? 0n);
    const { epoch } = this.history;
    if (discarded === undefined || discarded.epoch.id === epoch.id || discarded.epoch.number > epoch.number) return;
    this.#options.store.forsake?.(discarded);
  }

  /** If the tailer reads nothing of an epoch that was told of, it is its own connection that leads to a former primary. */
  async #lookFor(epochNumber: bigint): Promise<void> {
    const { store, clock } = this.#options;
    const head = await this.#poller.since(clock.monotonicMs()).catch(() => undefined);
    await this.#changing?.catch(() => {});
    if (head === undefined || epochNumber <= this.history.epoch.number) return;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#forsookAtMs < FORSAKE_EVERY_MS) return;
    this.#forsookAtMs = nowMs;
    store.forsake?.(head);
  }

  #admitOwn(asked: Asked, head: Head): boolean {
    if (this.admit(asked, head)) {
      this.#trouble = '';
      return true;
    }
    if (!this.#log.isOutdated(asked)) this.#changeEpochSoon(head);
    return false;
  }

  async #readHead(): Promise<Head> {
    const { store, telemetry } = this.#options;
    telemetry.add('polls');
    const asked = this.ask();
    try {
      const head = await store.readHead();
      if (!this.#admitOwn(asked, head)) await this.#changing;
      return head;
    } catch (error) {
      this.#reachable = false;
      throw error;
    }
  }

  /** Reads the log until its end; one read at a time. */
  #readLog(): Promise<void> {
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
    const { store, telemetry } = this.#options;
    telemetry.add('log_reads');
    const asked = this.ask();
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
    this.#admitOwn(asked, page.head);
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
      this.#readLog().catch(() => {});
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
    if (!this.#log.apply(entry)) this.#readLog().catch(() => {});
    if (this.#following) this.#observeAge(entry);
  }

  /** By the store's clock and this machine's: only as true as they agree. */
  #observeAge({ events }: LogEntry): void {
    const writtenAtUs = events[0]?.parameter?.updateTimeUs;
    if (writtenAtUs === undefined) return;
    const { clock, telemetry } = this.#options;
    telemetry.observe('propagation_seconds', Math.max(0, clock.wallMs() / 1000 - Number(writtenAtUs) / 1e6));
  }

  /** Something beyond `applied` exists. If no announcement brings it soon, the log does. */
  #expectHole(): void {
    if (this.#holeTimer !== undefined || this.#stopped) return;
    const { bus, clock } = this.#options;
    if (bus.state() !== 'connected' && this.#held.isEmpty) {
      this.#readLog().catch(() => {});
      return;
    }
    this.#holeTimer = clock.setTimer(HOLE_PATIENCE_MS, () => {
      this.#holeTimer = undefined;
      if (!this.#held.isEmpty || this.#log.isAwaited) {
        this.#readLog().catch(() => {});
      }
    });
  }

  /** What was applied is not what the store has. */
  async #parted(asked: Asked, head: Head): Promise<boolean> {
    const before = this.history;
    await this.#changeEpoch(head);
    if (this.history !== before) return true;
    if (!this.#log.isOurs(asked, head)) throw new StoreError('epoch-changed', 'the log was of another epoch');
    this.#rebase(await this.#options.store.readHead());
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

  /** Finds out, and if it is due begins, the epoch that the store is in, and takes it over. One at a time. */
  #changeEpoch(head: Head): Promise<void> {
    this.#options.lease.void();
    this.#changing ??= this.#takeOver(head).finally(() => {
      this.#changing = undefined;
    });
    return this.#changing;
  }

  /** A failure is met again by the next head read. */
  #changeEpochSoon(head: Head): void {
    this.#changeEpoch(head).catch((error: unknown) => {
      if (!(error instanceof StoreError)) throw error;
      if (error.message === this.#trouble) return;
      this.#trouble = error.message;
      this.#options.telemetry.log('warn', 'the epoch could not be changed yet', { why: error.message });
    });
  }

  async #takeOver(seen: Head): Promise<void> {
    const { store, telemetry } = this.#options;
    const found = await findEpoch(store, seen, this.#log.comparable);
    if (found === undefined) return;
    const { epoch } = found.history;
    const { applied } = this.#log;
    telemetry.add('epochs_started');
    telemetry.log('warn', 'a new epoch has begun', {
      epoch: epoch.number,
      lostAfter: epoch.lostAfter,
      applied,
      lost: found.isLost(applied),
    });
    this.#held.clear();
    this.#log.adopt(found);
    // Not waited for: this may run inside a log read, whose next page goes on then.
    this.#readLog().catch(() => {});
  }
}
