import type { Head, Revision } from '../../model/revision.ts';
import type { Announcement, Bus } from '../../ports/bus.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import { type Expected, type Store, StoreError } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Lease } from '../cache/lease.ts';
import { History } from '../history.ts';
import { type Patience, pause, within } from '../waiting.ts';
import { AppliedLog, type Asked, type View } from './applied-log.ts';
import { findEpoch } from './epoch-change.ts';
import { HOLE_PATIENCE_MS, LogFeed } from './log-feed.ts';
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

/** A connection that may lead to a former primary is left no more often: the next one may lead there too. */
const FORSAKE_EVERY_MS = 500;
/** A head read that takes longer counts as unreachable for whoever may take a degraded answer. */
export const STORE_PATIENCE_MS = 500;

/**
 * Follows the one log, knows how far it is applied (`applied`), and judges by it what the store answers.
 *
 * Polling the head proves freshness, finds what was never announced, and tells of another epoch, which is taken over; so
 * the bus only makes things faster.
 */
export class Tailer {
  readonly #options: TailerOptions;
  readonly #poller: Poller;
  readonly #log: AppliedLog;
  readonly #feed: LogFeed;
  #reachable = true;
  #changing: Promise<void> | undefined;
  /** Why the epoch cannot be changed, once it is logged. */
  #trouble = '';
  #forsookAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: TailerOptions) {
    this.#options = options;
    const { store, bus, clock, random, telemetry, intervals, isNeeded, lease, views } = options;
    const log = new AppliedLog(lease, views);
    this.#log = log;
    this.#feed = new LogFeed({
      ...{ store, bus, clock, telemetry, log },
      admit: (asked, head) => this.#admitOwn(asked, head),
      changeEpoch: (head) => this.#changeEpoch(head),
    });
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
    await this.#feed.start({ head, history, isLost: () => false });
    bus.listen({
      announced: (announcement) => this.announced(announcement),
      connected: () => this.#feed.readLog().catch(() => {}),
      disconnected: () => {},
    });
    this.#poller.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.#feed.stop(), this.#poller.stop()]);
    await this.#changing?.catch(() => {});
  }

  /** Committed changes, from the bus or from this replica's own write. */
  announced(announcement: Announcement): void {
    const { epoch } = this.history;
    if (announcement.epochId === epoch.id) this.#feed.announced(announcement);
    else if (announcement.epochNumber > epoch.number) void this.#lookFor(announcement.epochNumber);
    else this.#options.telemetry.add('bus_dropped');
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
    if (revision > this.#log.applied) this.#feed.expectHole();
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
    if (head.revision > this.#log.applied) this.#feed.expectHole();
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
    this.#feed.adopt(found);
  }
}
