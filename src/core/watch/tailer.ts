import type { LogEntry } from '../../model/event.ts';
import { type Head, newer, type Revision } from '../../model/revision.ts';
import type { Announcement, Bus } from '../../ports/bus.ts';
import type { Clock, Random, Timer } from '../../ports/clock.ts';
import { type Expected, type LogPage, type Store, StoreError } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Lease, ProofStart } from '../cache/lease.ts';
import { History } from '../history.ts';
import { type Patience, within } from '../waiting.ts';
import { type FoundEpoch, findEpoch } from './epoch-change.ts';
import { HeldAnnouncements } from './held-announcements.ts';
import { Poller, type PollIntervals } from './poller.ts';
import { RecentBatches } from './recent-batches.ts';
import { RevisionWaiters } from './revision-waiters.ts';

/** Something that is kept in step with the log. */
export interface View {
  /** The next revision. `applied` moves only after every view has taken it. */
  apply(entry: LogEntry): void;
  /** `applied` has moved. */
  advanced(applied: Revision): void;
  /** Everything held may be wrong: begin again with what comes after `applied`. */
  epochChanged(change: EpochChange): void;
  /** Does it need the values of what it applies? */
  wantsValues(): boolean;
}

export interface EpochChange {
  readonly history: History;
  readonly applied: Revision;
  /** Was this revision, seen before the change, lost or never part of the order? */
  isLost(revision: Revision): boolean;
}

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

/** What was known when a statement was sent: its answer is judged by it. */
export interface Asked {
  readonly start: ProofStart;
  readonly applied: Revision;
  readonly turns: number;
}

/** How long an announcement may be late before the log is read instead. */
const HOLE_PATIENCE_MS = 10;
const LOG_PAGE_ENTRIES_MAX = 1000;
const LOG_PAGE_BYTES_MAX = 4 << 20;
/** Newest changes read at start, so that entries of the shared cache from before it can be judged. */
const CHANGES_AT_START = 10_000n;
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
  readonly #waiters = new RevisionWaiters();
  readonly #recent = new RecentBatches();
  #history!: History;
  #applied: Revision = 0n;
  #batchId = '';
  #compactRevision: Revision = 0n;
  #reachable = true;
  #reading: Promise<void> | undefined;
  #readAgain = false;
  #changing: Promise<void> | undefined;
  #holeTimer: Timer | undefined;
  #following = false;
  /** Counts rebases and epoch changes: what was asked before one is of no use after it. */
  #turns = 0;
  #stopped = false;

  constructor(options: TailerOptions) {
    this.#options = options;
    const { clock, random, intervals, isNeeded } = options;
    this.#poller = new Poller({ clock, random, intervals, isNeeded, read: () => this.#readHead() });
  }

  get applied(): Revision {
    return this.#applied;
  }

  get history(): History {
    return this.#history;
  }

  /** History up to and including it is gone, as last seen. */
  get compactRevision(): Revision {
    return this.#compactRevision;
  }

  /** Did the last head read succeed? */
  get storeReachable(): boolean {
    return this.#reachable;
  }

  /** Take it before a statement is sent, and give it to `admit` with the answer. */
  ask(): Asked {
    return { start: this.#options.lease.mark(), applied: this.#applied, turns: this.#turns };
  }

  /** What a batch tells the store of the log that it builds upon. */
  get expected(): Expected {
    const batchIdAtApplied = this.#batchId === UNKNOWN_BATCH ? '' : this.#batchId;
    return { epochId: this.#history.epoch.id, applied: this.#applied, batchIdAtApplied };
  }

  /** Applies the newest changes and then follows. @throws StoreError */
  async start(): Promise<void> {
    const { store, bus } = this.#options;
    let head = await store.readHead();
    if (head.incarnation !== head.epoch.incarnation) head = await store.startEpoch(head.epoch, head.revision);
    this.#history = new History(await store.epochs());
    this.#rebase(head);
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
    const { epoch } = this.#history;
    if (announcement.epochId !== epoch.id) {
      if (announcement.epochNumber > epoch.number) this.#poller.since(0).catch(() => {});
      else this.#options.telemetry.add('bus_dropped');
      return;
    }
    if (announcement.to <= this.#applied) return;
    if (announcement.from > this.#applied + 1n) {
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
    }
    return 'proven';
  }

  /** The head, read no earlier than `sinceMs`. @throws StoreError */
  head(sinceMs: number): Promise<Head> {
    return this.#poller.since(sinceMs);
  }

  /** Resolves when `applied` has reached the revision, and at any epoch change: look again. */
  reached(revision: Revision): Promise<void> {
    if (revision <= this.#applied) return Promise.resolve();
    this.#expectHole();
    return this.#waiters.wait(revision);
  }

  /** This revision exists: if no announcement brings it soon, the log is read. */
  expect(revision: Revision): void {
    if (revision > this.#applied) this.reached(revision).catch(() => {});
  }

  /** The lease is needed from now on. */
  hurry(): void {
    this.#poller.hurry();
  }

  /**
   * Every answer of the store comes through here: it is of use only if it belongs to the history that is applied.
   * @returns false: discard the answer; the epoch is being found out, or was meanwhile
   */
  admit(asked: Asked, head: Head): boolean {
    const { lease } = this.#options;
    this.#reachable = true;
    // One from before a new epoch would look like a store that has lost it.
    if (asked.turns !== this.#turns) return false;
    if (!this.#isOurs(head) || head.revision < asked.applied) {
      this.#changeEpochSoon(head);
      return false;
    }
    if (head.compactRevision > this.#compactRevision) this.#compactRevision = head.compactRevision;
    if (head.epoch.lostAfter < this.#history.epoch.lostAfter) this.#history = this.#history.with(head.epoch);
    if (!lease.observe(asked.start, head, this.#applied, this.#batchId)) {
      this.#changeEpochSoon(head);
      return false;
    }
    if (head.revision > this.#applied) this.#expectHole();
    return true;
  }

  /** Waits until the epoch is found out that made the store refuse a batch. */
  async epochResolved(): Promise<void> {
    await this.#poller.since(this.#options.clock.monotonicMs()).catch(() => {});
    await this.#changing?.catch(() => {});
  }

  async #readHead(): Promise<Head> {
    const { store, telemetry } = this.#options;
    telemetry.add('polls');
    const asked = this.ask();
    try {
      const head = await store.readHead();
      if (!this.admit(asked, head)) await this.#changing?.catch(() => {});
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
    const { store, views, telemetry } = this.#options;
    telemetry.add('log_reads');
    const asked = this.ask();
    const after = asked.applied;
    const batchId = this.#batchId;
    const page = await store.readLog({
      after,
      entriesMax: LOG_PAGE_ENTRIES_MAX,
      bytesMax: LOG_PAGE_BYTES_MAX,
      values: views.some((view) => view.wantsValues()),
      lane: 'tailer',
    });
    if (asked.turns !== this.#turns) return true;
    if (!this.#isOurs(page.head) || page.head.revision < after) return this.#parted(page.head);
    const there = page.batchIdAtAfter ?? (page.head.revision === after ? page.head.batchId : undefined);
    const { compactRevision } = page.head;
    const isKnown = there !== undefined || after > compactRevision;
    if (isKnown && batchId !== UNKNOWN_BATCH && there !== batchId) return this.#parted(page.head);
    if (after < compactRevision) return this.#fellBehind(page.head);
    if (batchId === UNKNOWN_BATCH) this.#batchId = there ?? '';
    this.#applyPage(page);
    this.#applyHeld();
    this.admit(asked, page.head);
    return page.head.revision > this.#applied;
  }

  #applyPage(page: LogPage): void {
    const unannounced = page.entries.filter((entry) => entry.revision > this.#applied);
    for (const entry of unannounced) this.#apply(entry);
    // A new epoch without a write yet: its beginning counts as applied once all before it is.
    const beginning = this.#history.epoch.startRevision - 1n;
    if (page.entries.length === 0 && page.head.revision === beginning && this.#applied < beginning) {
      this.#advance(beginning, '');
    }
    if (unannounced.length > 0 && this.#following && this.#options.bus.state() === 'connected') {
      this.#options.telemetry.add('bus_repaired');
      this.#options.bus.suspect();
    }
  }

  #applyAnnouncement(announcement: Announcement): void {
    const overlap = announcement.entries.find((entry) => entry.revision === this.#applied);
    const before = announcement.from === this.#applied + 1n ? announcement.previousBatchId : overlap?.batchId;
    if (before !== this.#batchId) {
      this.#readLog().catch(() => {});
      return;
    }
    for (const entry of announcement.entries) if (entry.revision > this.#applied) this.#apply(entry);
  }

  #applyHeld(): void {
    for (let next = this.#held.takeReached(this.#applied); next; next = this.#held.takeReached(this.#applied)) {
      if (next.to > this.#applied) this.#applyAnnouncement(next);
    }
  }

  #apply(entry: LogEntry): void {
    for (const view of this.#options.views) view.apply(entry);
    this.#advance(entry.revision, entry.batchId);
    if (this.#following) this.#observeAge(entry);
  }

  /** By the store's clock and this machine's: only as true as they agree. */
  #observeAge({ events }: LogEntry): void {
    const writtenAtUs = events[0]?.parameter?.updateTimeUs;
    if (writtenAtUs === undefined) return;
    const { clock, telemetry } = this.#options;
    telemetry.observe('propagation_seconds', Math.max(0, clock.wallMs() / 1000 - Number(writtenAtUs) / 1e6));
  }

  #advance(revision: Revision, batchId: string): void {
    this.#recent.add(revision, batchId);
    this.#applied = revision;
    this.#batchId = batchId;
    if (!this.#options.lease.advance(revision, batchId)) this.#readLog().catch(() => {});
    for (const view of this.#options.views) view.advanced(revision);
    this.#waiters.wake(revision);
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
      if (!this.#held.isEmpty || !this.#waiters.isEmpty || this.#options.lease.isPending) {
        this.#readLog().catch(() => {});
      }
    });
  }

  #isOurs(head: Head): boolean {
    return head.epoch.id === this.#history.epoch.id && head.incarnation === head.epoch.incarnation;
  }

  /** What was applied is not what the store has. */
  async #parted(head: Head): Promise<boolean> {
    const before = this.#history;
    await this.#changeEpoch(head);
    if (this.#history === before) this.#rebase(await this.#options.store.readHead());
    return true;
  }

  /** This replica slept longer than history is kept. */
  #fellBehind(head: Head): boolean {
    this.#options.telemetry.log('warn', 'the log was compacted beyond what this replica had applied; starting again', {
      applied: this.#applied,
      compactRevision: head.compactRevision,
    });
    this.#rebase(head);
    return true;
  }

  /** Begins anew shortly before the head. */
  #rebase(head: Head, isLost: (revision: Revision) => boolean = () => false): void {
    const beginning = this.#history.epoch.startRevision - 1n;
    const recent = head.revision - CHANGES_AT_START;
    const after = [beginning, recent, head.compactRevision].reduce(newer);
    this.#recent.clear();
    this.#applied = after;
    this.#batchId = after === beginning ? '' : UNKNOWN_BATCH;
    this.#compactRevision = head.compactRevision;
    this.#turn(isLost);
  }

  /** Nothing known before counts any more. */
  #turn(isLost: (revision: Revision) => boolean): void {
    this.#turns += 1;
    this.#options.lease.void();
    this.#held.clear();
    for (const view of this.#options.views) {
      view.epochChanged({ history: this.#history, applied: this.#applied, isLost });
    }
    this.#waiters.wakeAll();
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
      this.#options.telemetry.log('warn', 'the epoch could not be changed yet', { why: error.message });
    });
  }

  async #takeOver(seen: Head): Promise<void> {
    const log = { epoch: this.#history.epoch, applied: this.#applied, recent: [...this.#recent.all] };
    const found = await findEpoch(this.#options.store, seen, log);
    if (found === undefined) return;
    this.#tellEpoch(found);
    this.#history = found.history;
    if (found.isLost(this.#applied)) this.#rebase(found.head, found.isLost);
    else this.#turn(found.isLost);
    // Not waited for: this may run inside a log read, whose next page goes on then.
    this.#readLog().catch(() => {});
  }

  #tellEpoch({ history, isLost }: FoundEpoch): void {
    const { telemetry } = this.#options;
    telemetry.add('epochs_started');
    telemetry.log('warn', 'a new epoch has begun', {
      epoch: history.epoch.number,
      lostAfter: history.epoch.lostAfter,
      applied: this.#applied,
      lost: isLost(this.#applied),
    });
  }
}

/** Stands for the batch id at `applied` until the first page of the log tells it. No batch id looks like it. */
const UNKNOWN_BATCH = '?';
