import { ParamdError } from '../../model/errors.ts';
import type { Event, LogEntry } from '../../model/event.ts';
import type { Parameter } from '../../model/parameter.ts';
import {
  type Batch,
  COMMIT_BYTES_MAX,
  mergedLabels,
  type Outcome,
  type SetDone,
  type Write,
} from '../../model/write.ts';
import type { Bus } from '../../ports/bus.ts';
import type { Clock } from '../../ports/clock.ts';
import { type Committed, type Store, StoreError } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import type { Call, Written } from '../api.ts';
import type { CacheView } from '../cache/cache-view.ts';
import { callerError, STORED, tooLate } from '../cache/need.ts';
import { within } from '../waiting.ts';
import type { Tailer } from '../watch/tailer.ts';
import { GroupCommit, unknownOutcome } from './group-commit.ts';
import { refusalFailure } from './refusal.ts';

type Done = Extract<Outcome, { done: true }>;

export interface WritePathOptions {
  readonly store: Store;
  readonly bus: Bus;
  readonly view: CacheView;
  readonly tailer: Tailer;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly newBatchId: () => string;
}

/**
 * A write: PostgreSQL first, then the caches (write-through), then the other replicas, then the answer.
 * Nothing after PostgreSQL is waited for.
 */
export class WritePath {
  readonly #options: WritePathOptions;
  readonly #commits: GroupCommit;

  constructor(options: WritePathOptions) {
    this.#options = options;
    const { store, clock, telemetry, newBatchId, tailer } = options;
    this.#commits = new GroupCommit({
      store,
      clock,
      telemetry,
      newBatchId,
      expected: () => tailer.expected,
      epochResolved: () => tailer.epochResolved(),
      committed: (batch, committed) => this.#committed(batch, committed),
    });
  }

  async write(write: Write, call: Call): Promise<Written> {
    const { telemetry, tailer } = this.#options;
    const patience = { deadlineAtMs: call.deadlineAtMs, signal: call.signal };
    const outcome = await this.#commits.submit(write, call.source ?? '', patience);
    if (!outcome.done) {
      telemetry.add('writes_refused');
      throw new ParamdError(refusalFailure(outcome.refusal, write));
    }
    // A failover has lost it before its answer came. What is remembered of it is not lost.
    if (!outcome.replayed && tailer.history.isLost(outcome.revision)) throw unknownOutcome(write);
    telemetry.add('writes');
    return { revision: outcome.revision, parameters: await this.#parameters(write, outcome, call) };
  }

  /**
   * C1: before any writer learns the outcome, no tier here may answer with what it replaced.
   * @returns false: another server's epoch has taken the place of the batch's before its answer came
   */
  #committed(batch: Batch, committed: Committed): boolean {
    const { tailer, bus } = this.#options;
    // Its numbers may be greater than all to come: a floor of one would never be reached.
    if (!tailer.history.includes(committed.epochId)) return false;
    const entries: LogEntry[] = [];
    for (const [at, outcome] of committed.outcomes.entries()) {
      if (!outcome.done || !outcome.changed || outcome.replayed) continue;
      entries.push({ revision: outcome.revision, batchId: batch.id, events: eventsOf(batch.writes[at]!, outcome) });
    }
    if (entries.length > 0) {
      const { epochId, from, to, previousBatchId } = committed;
      const announcement = { epochNumber: tailer.history.epoch.number, epochId, from, to, previousBatchId, entries };
      tailer.announced(announcement);
      bus.publish(announcement);
    }
    // Also of a write that changed nothing, or was done before: its answer tells a revision that must show from now on.
    for (const [at, outcome] of committed.outcomes.entries()) {
      if (!outcome.done) continue;
      for (const { key } of batch.writes[at]!.operations) this.#raiseFloor(key, outcome.revision);
    }
    for (const { revision, events } of entries) for (const event of events) this.#writeThrough(event, revision);
    return true;
  }

  #raiseFloor(key: string, revision: bigint): void {
    const { view, tailer } = this.#options;
    // Usually it is applied by now.
    if (revision <= tailer.applied) return;
    view.near.delete(key);
    view.floors.raise(key, revision);
    tailer.expect(revision);
  }

  #writeThrough(event: Event, revision: bigint): void {
    const { view, tailer } = this.#options;
    const content =
      event.type === 'delete' ? view.absent(revision) : event.parameter && view.contentOf(event.parameter, revision);
    if (content === undefined) return;
    if (revision <= tailer.applied) view.spread(event.key, content);
    else tailer.reached(revision).then(() => view.spread(event.key, content));
  }

  /** What was written, as the answer carries it. What the store did not tell is in the log. */
  async #parameters(write: Write, outcome: Done, call: Call): Promise<readonly Parameter[]> {
    const sets = write.operations.filter((operation) => operation.type === 'set');
    if (sets.length === 0) return [];
    const complete = outcome.replayed ? [] : eventsOf(write, outcome).filter((event) => event.type === 'put');
    const told = complete.flatMap((event) => event.parameter ?? []);
    if (told.length === sets.length) return told;
    return write.validateOnly ? this.#wouldBe(write, outcome, call) : this.#logged(write, outcome, call);
  }

  async #logged(write: Write, outcome: Done, call: Call): Promise<readonly Parameter[]> {
    const { store, clock } = this.#options;
    const entry = await within(store.readEntry(outcome.revision), clock, call).catch((error: unknown) => {
      if (error instanceof StoreError && error.kind !== 'internal') return undefined;
      throw error;
    });
    // Done, but what was written cannot be told: with its request_id the same call gets the answer.
    if (entry === 'late' || entry === undefined) throw unknownOutcome(write);
    return entry.events.flatMap((event) => (event.type === 'put' ? (event.parameter ?? []) : []));
  }

  /** Of a write that was only checked: what it leaves as it is, is what the store holds. */
  async #wouldBe(write: Write, outcome: Done, call: Call): Promise<readonly Parameter[]> {
    const { store, clock, tailer } = this.#options;
    const keys = write.operations.map(({ key }) => key);
    const read = await within(store.read(keys, { bytesMax: COMMIT_BYTES_MAX }), clock, call).catch((error: unknown) => {
      throw callerError(error);
    });
    if (read === 'late') throw tooLate(tailer.storeReachable, tailer.applied, STORED);
    const sets = [...outcome.sets];
    return write.operations.flatMap((operation, at): Parameter[] => {
      if (operation.type === 'delete') return [];
      const { key } = operation;
      const held = read.parameters.get(key);
      const value = operation.value ?? held?.value;
      // Deleted since it was checked.
      if (!value) throw new ParamdError(refusalFailure({ reason: 'VALUE_REQUIRED', key, operation: at }, write));
      const done = sets.shift()!;
      const labels = done.labels ?? mergedLabels(operation, held?.labels);
      return [writtenParameter(write, outcome, { ...done, labels }, value)];
    });
  }
}

/** The events of one done write, in the order of its operations, as far as the outcome tells them. */
function eventsOf(write: Write, outcome: Done): Event[] {
  const sets = [...outcome.sets];
  const missing = new Set(outcome.missing);
  return write.operations.flatMap((operation): Event[] => {
    const { key } = operation;
    const { revision } = outcome;
    if (operation.type === 'delete') {
      if (missing.has(key)) return [];
      return [{ type: 'delete', key, revision, parameter: deletedParameter(write, outcome, key) }];
    }
    const done = sets.shift();
    const known = done?.labels !== undefined && operation.value !== undefined;
    const parameter = known ? writtenParameter(write, outcome, done, operation.value) : undefined;
    return [{ type: 'put', key, revision, parameter, previous: done?.version === 1n ? null : undefined }];
  });
}

function writtenParameter(write: Write, outcome: Done, done: SetDone, value: Parameter['value']): Parameter {
  return {
    key: done.key,
    value,
    revision: outcome.revision,
    createRevision: done.createRevision,
    version: done.version,
    createTimeUs: done.createTimeUs,
    updateTimeUs: outcome.updateTimeUs,
    updatedBy: write.actor,
    labels: done.labels ?? new Map(),
    cacheTtlNs: done.cacheTtlNs,
  };
}

function deletedParameter(write: Write, outcome: Done, key: string): Parameter {
  return {
    key,
    value: undefined,
    revision: outcome.revision,
    createRevision: 0n,
    version: 0n,
    createTimeUs: 0n,
    updateTimeUs: outcome.updateTimeUs,
    updatedBy: write.actor,
    labels: new Map(),
    cacheTtlNs: 0n,
  };
}
