import { type Event, eventBytes } from '../../model/event.ts';
import { newer, type Revision } from '../../model/revision.ts';
import type { WatchBatch } from '../api.ts';
import { type Deferred, deferred } from '../waiting.ts';
import type { KeyFilter } from './key-filter.ts';

interface Group {
  readonly revision: Revision;
  readonly events: readonly Event[];
  readonly bytes: number;
}

/** Groups that are handed over together, unless the first one alone is larger. Small: it counts for every slow watch. */
const RESPONSE_BYTES_MAX = 256 << 10;

/**
 * One registered reader of changes. *Synced*: fed with every revision as it is applied. *Unsynced*: still catching up from
 * the log, or fallen behind; then `position` tells from where.
 *
 * A reader takes a batch only when the former one has left the process, so what waits here is all that a slow one costs.
 * When that passes the bound it is dropped: the log still has it (C11).
 */
export class Watcher {
  readonly filter: KeyFilter;
  readonly includePrevious: boolean;
  synced = false;
  /** Unsynced: everything up to it was taken in. */
  position: Revision;
  readonly #queueBytesMax: number;
  #groups: Group[] = [];
  #bytes = 0;
  /** Everything up to it was handed over. */
  #handed: Revision;
  /** A progress report is due, as of this revision or a later one. */
  #progress: Revision | undefined;
  #waiting: Deferred<WatchBatch> | undefined;
  #ended: Error | undefined;
  /** Something was handed over already. */
  #greeted: boolean;

  constructor(options: {
    filter: KeyFilter;
    includePrevious: boolean;
    queueBytesMax: number;
    /** Everything up to it is known to the reader. */
    position: Revision;
    /** The reader has had a response already: a snapshot. */
    greeted: boolean;
  }) {
    this.filter = options.filter;
    this.includePrevious = options.includePrevious;
    this.#queueBytesMax = options.queueBytesMax;
    this.position = options.position;
    this.#handed = options.position;
    this.#greeted = options.greeted;
  }

  get queueBytes(): number {
    return this.#bytes;
  }

  /** Does the reader wait for something to send? */
  get isIdle(): boolean {
    return this.#waiting !== undefined && this.#groups.length === 0;
  }

  /** Everything up to it was handed over. */
  get handed(): Revision {
    return this.#handed;
  }

  /** @returns false: it would pass the bound; nothing was taken in */
  offer(revision: Revision, events: readonly Event[]): boolean {
    const bytes = events.reduce((sum, event) => sum + eventBytes(event, this.includePrevious), 0);
    if (!this.isIdle && this.#bytes + bytes > this.#queueBytesMax) return false;
    this.#groups.push({ revision, events, bytes });
    this.#bytes += bytes;
    return true;
  }

  /** Nothing up to `revision` is still to come. Goes out behind what is queued. */
  progress(revision: Revision): void {
    this.#progress = revision;
  }

  /** The first response comes at once: where there is nothing to send, it tells from where the watch runs. */
  greet(): void {
    if (!this.#greeted && this.#groups.length === 0) this.#progress = this.position;
  }

  /** Drops what is queued, and reads the log from behind what was handed over. */
  rewind(): void {
    this.#groups = [];
    this.#bytes = 0;
    this.synced = false;
    this.position = this.#handed;
    this.#progress = undefined;
  }

  /** What is there to send, or the next that comes. Only one call at a time. */
  next(): Promise<WatchBatch> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#waiting = deferred();
    const { promise } = this.#waiting;
    this.flush();
    return promise;
  }

  /** Hands over what is queued, if the reader waits. */
  flush(): void {
    if (this.#waiting === undefined) return;
    const batch = this.#groups.length > 0 ? this.#takeGroups() : this.#takeProgress();
    if (batch === undefined) return;
    this.#handed = newer(batch.revision, this.#handed);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#greeted = true;
    waiting.resolve(batch);
  }

  end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#groups = [];
    this.#bytes = 0;
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }

  #takeGroups(): Extract<WatchBatch, { kind: 'changes' }> {
    let count = 0;
    let bytes = 0;
    for (const group of this.#groups) {
      if (count > 0 && bytes + group.bytes > RESPONSE_BYTES_MAX) break;
      bytes += group.bytes;
      count += 1;
    }
    const taken = this.#groups.splice(0, count);
    this.#bytes -= bytes;
    return { kind: 'changes', revision: taken.at(-1)!.revision, groups: taken.map(({ events }) => events) };
  }

  #takeProgress(): Extract<WatchBatch, { kind: 'progress' }> | undefined {
    const revision = this.#progress;
    if (revision === undefined) return undefined;
    this.#progress = undefined;
    // Overtaken by events, or told by them; only the first response tells where the reader is already.
    const isNews = this.#greeted ? revision > this.#handed : revision >= this.#handed;
    return isNews ? { kind: 'progress', revision } : undefined;
  }
}
