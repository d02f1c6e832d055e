import type { LogEntry } from '../../model/event.ts';
import type { Parameter } from '../../model/parameter.ts';
import { type Epoch, newer, older, type Revision } from '../../model/revision.ts';
import type { Outcome } from '../../model/write.ts';
import type { Committed } from '../../ports/store.ts';

export interface StoredEntry extends LogEntry {
  readonly timeUs: bigint;
}

export interface StoredBatch {
  readonly answer: Committed;
  readonly timeUs: bigint;
}

/** What a principal's request id stands for. */
export interface StoredRequest {
  readonly contentHash: string;
  readonly outcome: Outcome & { readonly done: true };
  /** Head after the batch that remembered it: a crash that loses this revision loses the memory too. */
  readonly head: Revision;
  readonly timeUs: bigint;
}

/** Everything that the memory store keeps: the log, what follows from it, and what is remembered of requests. */
export class StoreState {
  epochs: Epoch[];
  compactRevision: Revision = 0n;
  /** Oldest first; all entries above compactRevision. */
  log: StoredEntry[] = [];
  current = new Map<string, Parameter>();
  batches = new Map<string, StoredBatch>();
  requests = new Map<string, StoredRequest>();
  /** Newest revision and its batch. After compaction the log may no longer tell. */
  revision: Revision;
  batchId = '';

  constructor(epoch: Epoch) {
    this.epochs = [epoch];
    this.revision = epoch.startRevision - 1n;
  }

  get epoch(): Epoch {
    return this.epochs.at(-1)!;
  }

  /** The same, on its own from now on. */
  copy(): StoreState {
    const copy = new StoreState(this.epoch);
    copy.epochs = [...this.epochs];
    copy.compactRevision = this.compactRevision;
    copy.log = [...this.log];
    copy.current = new Map(this.current);
    copy.batches = new Map(this.batches);
    copy.requests = new Map(this.requests);
    copy.revision = this.revision;
    copy.batchId = this.batchId;
    return copy;
  }

  append(entry: StoredEntry): void {
    this.log.push(entry);
    this.revision = entry.revision;
    this.batchId = entry.batchId;
    for (const event of entry.events) {
      if (event.type === 'put') this.current.set(event.key, event.parameter!);
      else this.current.delete(event.key);
    }
  }

  begin(epoch: Epoch): void {
    this.epochs.push(epoch);
    this.revision = epoch.startRevision - 1n;
    this.batchId = '';
  }

  entriesAfter(revision: Revision): StoredEntry[] {
    return this.log.slice(this.indexAfter(revision));
  }

  batchIdAt(revision: Revision): string | undefined {
    if (revision === this.revision) return this.batchId;
    if (this.epochs.some(({ startRevision }) => startRevision - 1n === revision)) return '';
    const entry = this.log[this.indexAfter(revision) - 1];
    return entry?.revision === revision ? entry.batchId : undefined;
  }

  /** The state as it was at a revision that is not compacted. */
  at(revision: Revision): Map<string, Parameter> {
    const state = new Map(this.current);
    for (const { key, previous } of this.entriesAfter(revision)
      .flatMap(({ events }) => events)
      .reverse()) {
      if (previous) state.set(key, previous);
      else state.delete(key);
    }
    return state;
  }

  /** As if everything after `revision` had never been. */
  rewind(revision: Revision): void {
    this.current = this.at(revision);
    this.log = this.log.slice(0, this.indexAfter(revision));
    this.epochs = this.epochs.filter(({ number, startRevision }) => number === 0n || startRevision - 1n <= revision);
    this.batches = new Map([...this.batches].filter(([, { answer }]) => answer.to <= revision));
    // What is compacted is there all the same, if the log does not tell it.
    const last = this.log.at(-1)?.revision ?? older(this.compactRevision, revision);
    this.revision = newer(last, this.epoch.startRevision - 1n);
    this.batchId = this.#batchOf(this.revision);
    this.requests = new Map([...this.requests].filter(([, { head }]) => head <= revision));
  }

  #batchOf(revision: Revision): string {
    const entry = this.log.at(-1);
    if (entry?.revision === revision) return entry.batchId;
    return [...this.batches].find(([, { answer }]) => answer.to === revision)?.[0] ?? '';
  }

  /** Forgets the log up to and including `revision`; tells how many entries that were. */
  compact(revision: Revision): number {
    const dropped = this.indexAfter(revision);
    this.log = this.log.slice(dropped);
    this.compactRevision = revision;
    return dropped;
  }

  /** Where the first entry after `revision` is. */
  private indexAfter(revision: Revision): number {
    let low = 0;
    let high = this.log.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.log[middle]!.revision > revision) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
