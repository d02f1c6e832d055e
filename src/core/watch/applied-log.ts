import type { LogEntry } from '../../model/event.ts';
import { type Head, newer, type Revision } from '../../model/revision.ts';
import type { Expected, LogPage } from '../../ports/store.ts';
import type { Lease, ProofStart } from '../cache/lease.ts';
import type { History } from '../history.ts';
import type { Comparable, FoundEpoch } from './epoch-change.ts';
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

/** What was known when a statement was sent: its answer is judged by it. */
export interface Asked {
  readonly start: ProofStart;
  readonly applied: Revision;
  readonly batchId: string;
  readonly turns: number;
}

/** What a page of the log is to what is applied. */
export type PageFit = 'follows' | 'outdated' | 'parted' | 'behind';

/** Newest changes read at start, so that entries of the shared cache from before it can be judged. */
const CHANGES_AT_START = 10_000n;
/** Stands for the batch id at `applied` until the first page of the log tells it. No batch id looks like it. */
const UNKNOWN_BATCH = '?';

/**
 * How far this replica has applied the log, of which history, and everything that is kept in step with it: the views,
 * the lease, and those who wait. All of it moves in one tick, or not at all.
 */
export class AppliedLog {
  readonly #lease: Lease;
  readonly #views: readonly View[];
  readonly #waiters = new RevisionWaiters();
  readonly #recent = new RecentBatches();
  #history!: History;
  #applied: Revision = 0n;
  #batchId = '';
  #compactRevision: Revision = 0n;
  /** Counts rebases and epoch changes: what was asked before one is of no use after it. */
  #turns = 0;

  constructor(lease: Lease, views: readonly View[]) {
    this.#lease = lease;
    this.#views = views;
  }

  get history(): History {
    return this.#history;
  }

  get applied(): Revision {
    return this.#applied;
  }

  /** Of the batch that committed `applied`. */
  get batchId(): string {
    return this.#batchId;
  }

  /** History up to and including it is gone, as last seen. */
  get compactRevision(): Revision {
    return this.#compactRevision;
  }

  /** What a batch tells the store of the log that it builds upon. */
  get expected(): Expected {
    const batchIdAtApplied = this.#batchId === UNKNOWN_BATCH ? '' : this.#batchId;
    return { epochId: this.#history.epoch.id, applied: this.#applied, batchIdAtApplied };
  }

  get wantsValues(): boolean {
    return this.#views.some((view) => view.wantsValues());
  }

  /** Does anybody wait for something beyond `applied`, or does the lease? */
  get isAwaited(): boolean {
    return !this.#waiters.isEmpty || this.#lease.isPending;
  }

  /** Resolves when `applied` has reached the revision, and at any epoch change. */
  reached(revision: Revision): Promise<void> {
    return revision <= this.#applied ? Promise.resolve() : this.#waiters.wait(revision);
  }

  ask(): Asked {
    return {
      start: this.#lease.mark(),
      applied: this.#applied,
      batchId: this.#batchId,
      turns: this.#turns,
    };
  }

  /**
   * Was it asked before the present history was, or before the machine slept? Meanwhile announcements may have been applied
   * that it does not know of: it would look like a store that has lost them.
   */
  isOutdated(asked: Asked): boolean {
    return asked.turns !== this.#turns || this.#lease.sleptSince(asked.start);
  }

  /** Does the answer come from the history that is applied? */
  isOurs(asked: Asked, head: Head): boolean {
    const isEpoch = head.epoch.id === this.#history.epoch.id && head.incarnation === head.epoch.incarnation;
    return isEpoch && head.revision >= asked.applied;
  }

  /** Takes up what the head tells. @returns false: it is of another batch than what is applied, the logs have parted */
  observe(asked: Asked, head: Head): boolean {
    this.#compactRevision = newer(head.compactRevision, this.#compactRevision);
    if (head.epoch.lostAfter < this.#history.epoch.lostAfter) this.#history = this.#history.with(head.epoch);
    return this.#lease.observe(asked.start, head, this.#applied, this.#batchId);
  }

  /** May what the page holds be applied? */
  fits(asked: Asked, page: LogPage): PageFit {
    if (this.isOutdated(asked)) return 'outdated';
    if (!this.isOurs(asked, page.head)) return 'parted';
    const { revision, batchId, compactRevision } = page.head;
    const there = page.batchIdAtAfter ?? (revision === asked.applied ? batchId : undefined);
    const isKnown = there !== undefined || asked.applied > compactRevision;
    if (isKnown && asked.batchId !== UNKNOWN_BATCH && there !== asked.batchId) return 'parted';
    if (asked.applied < compactRevision) return 'behind';
    if (asked.batchId === UNKNOWN_BATCH) this.#batchId = there ?? '';
    return 'follows';
  }

  /** The next entry. @returns as `observe` */
  apply(entry: LogEntry): boolean {
    for (const view of this.#views) view.apply(entry);
    return this.#advance(entry.revision, entry.batchId);
  }

  /** A new epoch without a write yet: its beginning counts as applied once all before it is. */
  passInto(epochStart: Revision): void {
    if (this.#applied < epochStart - 1n) this.#advance(epochStart - 1n, '');
  }

  /** The first history, or another one. What was applied and is lost is dropped; else the log goes on. */
  adopt({ head, history, isLost }: FoundEpoch, isFirst = false): void {
    this.#history = history;
    if (isFirst || isLost(this.#applied)) this.rebase(head, isLost);
    else this.#turn(isLost);
  }

  /** Begins anew shortly before the head. */
  rebase(head: Head, isLost: (revision: Revision) => boolean = () => false): void {
    const beginning = this.#history.epoch.startRevision - 1n;
    const after = [beginning, head.revision - CHANGES_AT_START, head.compactRevision].reduce(newer);
    this.#recent.clear();
    this.#applied = after;
    this.#batchId = after === beginning ? '' : UNKNOWN_BATCH;
    this.#compactRevision = head.compactRevision;
    this.#turn(isLost);
  }

  /** What finding the epoch needs to know of it. */
  get comparable(): Comparable {
    return { epoch: this.#history.epoch, applied: this.#applied, recent: [...this.#recent.all] };
  }

  /** Nothing known before counts any more. */
  #turn(isLost: (revision: Revision) => boolean): void {
    this.#turns += 1;
    this.#lease.void();
    for (const view of this.#views) {
      view.epochChanged({ history: this.#history, applied: this.#applied, isLost });
    }
    this.#waiters.wakeAll();
  }

  #advance(revision: Revision, batchId: string): boolean {
    this.#recent.add(revision, batchId);
    this.#applied = revision;
    this.#batchId = batchId;
    const agreed = this.#lease.advance(revision, batchId);
    for (const view of this.#views) view.advanced(revision);
    this.#waiters.wake(revision);
    return agreed;
  }
}
