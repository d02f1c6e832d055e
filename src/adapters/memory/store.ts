import type { LogEntry } from '../../model/event.ts';
import type { Parameter } from '../../model/parameter.ts';
import type { Epoch, Head, Revision } from '../../model/revision.ts';
import { EPOCH_OFFSET_MAX, EPOCH_STRIDE, older } from '../../model/revision.ts';
import type { Batch, Outcome } from '../../model/write.ts';
import type { Clock, Random } from '../../ports/clock.ts';
import type {
  Committed,
  Expected,
  Installation,
  ListedPage,
  ListRange,
  LogPage,
  LogRequest,
  ReadLimits,
  Store,
  StoreRead,
} from '../../ports/store.ts';
import { isOfAnother, StoreError } from '../../ports/store.ts';
import { judgeWrite, storedBytes } from './store-judge.ts';
import { bareEntry, compareBytes, entryBytes, wholeEntry, withinBytes } from './store-page.ts';
import type { StoredRequest } from './store-state.ts';
import { StoreState } from './store-state.ts';

const REQUEST_KEPT_US = 3_600_000_000n;

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly incarnation?: string;
  /** Awaited before a call is executed, and before its answer is delivered. */
  readonly delay?: (call: StoreCall, phase: 'request' | 'answer') => Promise<void> | undefined;
  /** Told of all that comes into the log, in the moment in which it does. */
  readonly witness?: StoreWitness;
}

export interface StoreWitness {
  committed(entry: LogEntry): void;
  /** @param keptRevision up to and including it, what was before belongs to the epoch */
  epochBegan(epoch: Epoch, keptRevision: Revision): void;
}

export type StoreCall =
  | 'installation'
  | 'epochs'
  | 'readHead'
  | 'read'
  | 'list'
  | 'readLog'
  | 'readEntry'
  | 'commit'
  | 'startEpoch'
  | 'upkeep';

/**
 * unreachable: every call fails. hang: every call waits for another mode, and fails then.
 * ambiguous-after-commit, ambiguous-before-commit: commit() has done all, or nothing, and fails `ambiguous`.
 */
export type StoreFault = 'none' | 'unreachable' | 'hang' | 'ambiguous-after-commit' | 'ambiguous-before-commit';

/** The store in memory, for tests and simulations: deterministic by clock and random, and it breaks when told to. */
export class MemoryStore implements Store {
  private readonly options: MemoryStoreOptions;
  private readonly state: StoreState;
  private readonly identity: Installation;
  private incarnation: string;
  private fault: StoreFault = 'none';
  private hanging: (() => void)[] = [];
  private closed = false;

  constructor(options: MemoryStoreOptions, origin?: MemoryStore) {
    this.options = options;
    this.incarnation = options.incarnation ?? 'memory-1';
    if (origin !== undefined) {
      this.identity = origin.identity;
      this.state = origin.state.copy();
      return;
    }
    this.identity = {
      id: this.hex(16),
      secret: Buffer.from(this.hex(32), 'hex'),
      description: 'memory',
    };
    this.state = new StoreState({
      number: 0n,
      id: this.hex(16),
      startRevision: 1n,
      lostAfter: 0n,
      incarnation: this.incarnation,
    });
  }

  // What tests and simulations do to it.

  fail(fault: StoreFault): void {
    this.fault = fault;
    if (fault === 'hang') return;
    for (const release of this.hanging.splice(0)) release();
  }

  /** Loses every commit after the revision, as an asynchronous failover does. Its number will be issued again unless a new epoch begins. */
  crash({ loseAfter }: { readonly loseAfter: Revision }): void {
    this.state.rewind(loseAfter);
  }

  setIncarnation(incarnation: string): void {
    this.incarnation = incarnation;
  }

  /** Another server with what this one has up to a revision: a standby that was promoted, or a backup put back. */
  copy(options: MemoryStoreOptions, upTo: Revision): MemoryStore {
    const copy = new MemoryStore(options, this);
    copy.crash({ loseAfter: upTo });
    return copy;
  }

  /** The whole log, for checks. */
  get log(): readonly LogEntry[] {
    return this.state.log;
  }

  /** All epochs, for checks. */
  get knownEpochs(): readonly Epoch[] {
    return this.state.epochs;
  }

  /** History up to and including it is gone, for checks. */
  get compactRevision(): Revision {
    return this.state.compactRevision;
  }

  /** What readHead tells, for checks. */
  get head(): Head {
    const { revision, batchId, compactRevision, epoch } = this.state;
    return { revision, batchId, compactRevision, epoch, incarnation: this.incarnation };
  }

  /** The present state, for checks. */
  get current(): ReadonlyMap<string, Parameter> {
    return this.state.current;
  }

  // The port.

  installation(): Promise<Installation> {
    return this.call('installation', () => this.identity);
  }

  epochs(): Promise<readonly Epoch[]> {
    return this.call('epochs', () => [...this.state.epochs]);
  }

  readHead(): Promise<Head> {
    return this.call('readHead', () => this.head);
  }

  read(keys: readonly string[], limits: ReadLimits): Promise<StoreRead> {
    return this.call('read', () => {
      const found = keys.flatMap((key) => this.state.current.get(key) ?? []);
      const bytes = found.reduce((sum, { value }) => sum + (value?.encoded.length ?? 0), 0);
      if (bytes > limits.bytesMax) throw new StoreError('too-large', `${bytes} bytes, at most ${limits.bytesMax}`);
      return { head: this.head, parameters: new Map(found.map((parameter) => [parameter.key, parameter])) };
    });
  }

  list(range: ListRange): Promise<ListedPage> {
    return this.call('list', () => {
      const state = range.asOf === undefined ? this.state.current : this.state.at(range.asOf);
      const after = range.after;
      const matching = [...state.values()]
        .filter(({ key }) => key.startsWith(range.prefix) && (after === undefined || compareBytes(key, after) > 0))
        .sort((a, b) => compareBytes(a.key, b.key))
        .map((parameter) => (range.keysOnly ? { ...parameter, value: undefined } : parameter));
      const parameters = withinBytes(matching.slice(0, range.limit), range.bytesMax, storedBytes);
      return { head: this.head, parameters, more: parameters.length < matching.length };
    });
  }

  readLog(request: LogRequest): Promise<LogPage> {
    return this.call('readLog', () => {
      const compacted = request.after < this.state.compactRevision;
      const following = compacted ? [] : this.state.entriesAfter(request.after).slice(0, request.entriesMax);
      const shown = request.values ? following.map(wholeEntry) : following.map(bareEntry);
      return {
        head: this.head,
        batchIdAtAfter: this.state.batchIdAt(request.after),
        entries: withinBytes(shown, request.bytesMax, entryBytes),
      };
    });
  }

  readEntry(revision: Revision): Promise<LogEntry | undefined> {
    return this.call('readEntry', () => {
      const entry = this.state.entriesAfter(revision - 1n)[0];
      return entry?.revision === revision ? wholeEntry(entry) : undefined;
    });
  }

  commit(batch: Batch, expected: Expected): Promise<Committed> {
    return this.call('commit', () => {
      if (this.fault === 'ambiguous-before-commit') throw new StoreError('ambiguous', 'connection lost');
      const committed = this.commitOnce(batch, expected);
      if (this.fault === 'ambiguous-after-commit') throw new StoreError('ambiguous', 'connection lost');
      return committed;
    });
  }

  startEpoch(expected: Epoch, lostAfter: Revision, seen?: Head): Promise<Head> {
    return this.call('startEpoch', () => {
      if (seen !== undefined && isOfAnother(seen, this.head, expected)) return this.head;
      const present = this.state.epoch;
      const there =
        present.number > expected.number || (present.number === expected.number && present.id !== expected.id);
      if (there) this.lowerLostAfter(expected, lostAfter);
      else {
        const number = expected.number + 1n;
        const keptRevision = this.state.revision;
        this.state.begin({
          number,
          id: this.hex(16),
          startRevision: number * EPOCH_STRIDE + BigInt(Math.floor(this.options.random() * Number(EPOCH_OFFSET_MAX))),
          lostAfter: older(keptRevision, lostAfter),
          incarnation: this.incarnation,
        });
        this.options.witness?.epochBegan(this.state.epoch, keptRevision);
      }
      return this.head;
    });
  }

  readonly upkeep = {
    compact: (historyMs: number) =>
      this.call('upkeep', () => {
        const before = this.nowUs() - BigInt(Math.round(historyMs * 1000));
        const kept = this.nowUs() - REQUEST_KEPT_US;
        const needed = [...this.state.requests.values()].flatMap(({ outcome, timeUs }) =>
          outcome.changed && timeUs > kept ? outcome.revision : [],
        );
        let target = this.state.compactRevision;
        for (const { revision, timeUs } of this.state.log) {
          if (timeUs >= before || needed.some((other) => other <= revision)) break;
          target = revision;
        }
        return { dropped: this.state.compact(target), compactRevision: target };
      }),
    trim: () =>
      this.call('upkeep', () => {
        const before = this.nowUs() - REQUEST_KEPT_US;
        return { requests: dropOlder(this.state.requests, before), batches: dropOlder(this.state.batches, before) };
      }),
    extend: () => this.call('upkeep', () => ({ created: 0 })),
  };

  async close(): Promise<void> {
    this.closed = true;
    this.fail('unreachable');
  }

  /** Every method of the port runs through here: the answer is fixed at one instant, like a statement's snapshot. */
  private async call<T>(name: StoreCall, run: () => T): Promise<T> {
    const request = this.options.delay?.(name, 'request');
    if (request) await request;
    if (this.fault === 'hang') await new Promise<void>((resolve) => this.hanging.push(resolve)).then(unreachable);
    if (this.fault === 'unreachable' || this.closed) unreachable();
    const answer = run();
    const delivery = this.options.delay?.(name, 'answer');
    if (delivery) await delivery;
    return answer;
  }

  private commitOnce(batch: Batch, expected: Expected): Committed {
    const { state } = this;
    const earlier = state.batches.get(batch.id);
    if (earlier) return earlier.answer;
    this.checkExpected(expected);
    const timeUs = this.nowUs();
    const from = state.revision + 1n;
    const previousBatchId = state.batchId;
    const remember: { key: string; outcome: Outcome & { readonly done: true }; contentHash: string }[] = [];
    const outcomes = batch.writes.map((write): Outcome => {
      const contentHash = Buffer.from(write.contentHash).toString('hex');
      const requestKey = JSON.stringify([write.principal, write.requestId]);
      const first = write.requestId === '' ? undefined : this.remembered(requestKey, timeUs);
      if (first) return replay(first, contentHash);
      const revision = state.revision + 1n;
      const { outcome, events } = judgeWrite(write, { stateOf: (key) => state.current.get(key), revision, timeUs });
      if (events.length > 0) {
        const entry = { revision, batchId: batch.id, events, timeUs };
        state.append(entry);
        this.options.witness?.committed(entry);
      }
      if (outcome.done && write.requestId !== '' && !write.validateOnly)
        remember.push({ key: requestKey, outcome, contentHash });
      return outcome;
    });
    for (const { key, outcome, contentHash } of remember) {
      state.requests.set(key, { contentHash, outcome, timeUs, head: state.revision });
    }
    const answer: Committed = { outcomes, from, to: state.revision, previousBatchId, epochId: state.epoch.id };
    if (answer.to >= answer.from) state.batches.set(batch.id, { answer, timeUs });
    return answer;
  }

  private checkExpected({ epochId, applied, batchIdAtApplied }: Expected): void {
    const { state } = this;
    const known = state.batchIdAt(applied);
    if (epochId !== state.epoch.id || this.incarnation !== state.epoch.incarnation) {
      throw new StoreError('epoch-changed', 'the store is in another epoch');
    }
    if (applied > state.revision || (batchIdAtApplied !== '' && known !== undefined && known !== batchIdAtApplied)) {
      throw new StoreError('epoch-changed', 'the log of the store is another one');
    }
  }

  private remembered(key: string, nowUs: bigint): StoredRequest | undefined {
    const request = this.state.requests.get(key);
    return request !== undefined && request.timeUs > nowUs - REQUEST_KEPT_US ? request : undefined;
  }

  /** Of the epoch that ended the expected one. */
  private lowerLostAfter(expected: Epoch, lostAfter: Revision): void {
    const index = this.state.epochs.findIndex(({ number, id }) => number >= expected.number && id !== expected.id);
    const epoch = this.state.epochs[index]!;
    if (lostAfter < epoch.lostAfter) this.state.epochs[index] = { ...epoch, lostAfter };
  }

  private nowUs(): bigint {
    return BigInt(Math.floor(this.options.clock.wallMs() * 1000));
  }

  private hex(bytes: number): string {
    const digits = Array.from({ length: bytes * 2 }, () => Math.floor(this.options.random() * 16).toString(16));
    return digits.join('');
  }
}

function unreachable(): never {
  throw new StoreError('unreachable', 'the store does not answer');
}

function replay({ contentHash, outcome }: StoredRequest, given: string): Outcome {
  if (contentHash !== given) return { done: false, refusal: { reason: 'REQUEST_ID_REUSED' } };
  return { ...outcome, replayed: true, sets: [] };
}

function dropOlder(entries: Map<string, { readonly timeUs: bigint }>, beforeUs: bigint): number {
  const old = [...entries].filter(([, { timeUs }]) => timeUs <= beforeUs);
  for (const [key] of old) entries.delete(key);
  return old.length;
}
