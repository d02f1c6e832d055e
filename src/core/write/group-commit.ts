import { ParamdError } from '../../model/errors.ts';
import type { Batch, Outcome, Write } from '../../model/write.ts';
import type { Clock } from '../../ports/clock.ts';
import { type Committed, type Expected, type Store, StoreError } from '../../ports/store.ts';
import type { Telemetry } from '../../ports/telemetry.ts';
import { callerError } from '../cache/need.ts';
import { type Deferred, deferred, type Patience, pause, within } from '../waiting.ts';
import { BatchForming, writeBytes } from './batch-forming.ts';

/** Writes that wait for a batch. */
const QUEUE_WRITES_MAX = 10_000;
const QUEUE_BYTES_MAX = 64 << 20;
/** How long a batch whose answer was lost is sent again before its writers are told that the outcome is unknown. */
const RESOLVE_MS_MAX = 10_000;
const RESEND_PAUSE_MS = 50;
const EPOCH_RETRIES_MAX = 5;

interface Waiting {
  readonly write: Write;
  readonly source: string;
  readonly done: Deferred<Outcome>;
  /** In a batch that was sent: leaving the queue does not undo it. */
  sent: boolean;
}

type Answer = { readonly committed: Committed } | { readonly error: unknown };

interface Sent {
  readonly waiting: readonly Waiting[];
  readonly batch: Batch;
  readonly answer: Promise<Answer>;
}

export interface GroupCommitOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly telemetry: Telemetry;
  readonly newBatchId: () => string;
  /** What the store's log must look like. */
  readonly expected: () => Expected;
  /** The store refused: another epoch. Resolves when it is found out. */
  readonly epochResolved: () => Promise<void>;
  /** In the tick in which the outcome is known, before any writer learns it. @returns false: it was lost before that */
  readonly committed: (batch: Batch, committed: Committed) => boolean;
}

/**
 * Writes that arrive while a batch is under way form the next one. There is no timer: a lone write waits for nothing.
 * Connections take turns, so that one that sends much does not keep others waiting.
 */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  /** By source, in the order of turns. */
  readonly #queues = new Map<string, Waiting[]>();
  #queued = 0;
  #queuedBytes = 0;
  #running = false;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  /** @throws ParamdError STORE_UNREACHABLE, OUTCOME_UNKNOWN, RATE_LIMITED, CANCELLED */
  async submit(write: Write, source: string, patience: Patience): Promise<Outcome> {
    const bytes = writeBytes(write);
    if (this.#queued >= QUEUE_WRITES_MAX || this.#queuedBytes + bytes > QUEUE_BYTES_MAX) {
      throw new ParamdError({
        reason: 'RATE_LIMITED',
        limit: 'queued_writes',
        maximum: QUEUE_WRITES_MAX,
        retryMs: 200,
      });
    }
    const waiting: Waiting = { write, source, done: deferred(), sent: false };
    const queue = this.#queues.get(source);
    if (queue === undefined) this.#queues.set(source, [waiting]);
    else queue.push(waiting);
    this.#queued += 1;
    this.#queuedBytes += bytes;
    if (!this.#running) {
      this.#running = true;
      // Writes that arrive in the same tick share the first batch.
      queueMicrotask(() => void this.#run());
    }
    return this.#outcome(waiting, patience);
  }

  async #outcome(waiting: Waiting, patience: Patience): Promise<Outcome> {
    try {
      const outcome = await within(waiting.done.promise, this.#options.clock, patience);
      if (outcome !== 'late') return outcome;
    } catch (error) {
      if (!waiting.sent) this.#leave(waiting);
      throw error;
    }
    if (waiting.sent) throw unknownOutcome(waiting.write);
    this.#leave(waiting);
    throw new ParamdError({ reason: 'STORE_UNREACHABLE', why: 'the write was not sent in time' });
  }

  async #run(): Promise<void> {
    for (let batch = this.#launch(); batch !== undefined; ) {
      const answer = await batch.answer;
      // The next one is under way while the writers of this one are told: the store never waits for us.
      const next = this.#launch();
      await this.#finish(batch, answer);
      batch = next ?? this.#launch();
    }
    this.#running = false;
  }

  #launch(): Sent | undefined {
    const waiting = this.#form();
    return waiting.length === 0 ? undefined : this.#sent(waiting);
  }

  /** Takes one write of each source in turn, as long as they fit; a source whose next one does not fit waits. */
  #form(): readonly Waiting[] {
    const forming = new BatchForming();
    const taken: Waiting[] = [];
    let turn = [...this.#queues.entries()];
    while (turn.length > 0) {
      turn = turn.filter(([source, queue]) => {
        const first = queue[0];
        if (first === undefined || !forming.fits(first.write)) return false;
        queue.shift();
        this.#taken(first);
        forming.take(first.write);
        taken.push(first);
        if (queue.length === 0) this.#queues.delete(source);
        return queue.length > 0;
      });
    }
    // Whoever was first now is last next time.
    for (const source of new Set(taken.map((waiting) => waiting.source))) {
      const rest = this.#queues.get(source);
      if (rest === undefined) continue;
      this.#queues.delete(source);
      this.#queues.set(source, rest);
    }
    return taken;
  }

  #taken(waiting: Waiting): void {
    this.#queued -= 1;
    this.#queuedBytes -= writeBytes(waiting.write);
  }

  #leave(waiting: Waiting): void {
    const queue = this.#queues.get(waiting.source);
    const at = queue?.indexOf(waiting) ?? -1;
    if (queue === undefined || at < 0) return;
    queue.splice(at, 1);
    if (queue.length === 0) this.#queues.delete(waiting.source);
    this.#taken(waiting);
  }

  #sent(waiting: readonly Waiting[]): Sent {
    const { telemetry, newBatchId } = this.#options;
    for (const one of waiting) one.sent = true;
    telemetry.observe('batch_writes', waiting.length);
    const batch: Batch = { id: newBatchId(), writes: waiting.map(({ write }) => write) };
    const answer = this.#send(batch).then(
      (committed) => ({ committed }),
      (error: unknown) => ({ error }),
    );
    return { waiting, batch, answer };
  }

  async #finish({ waiting, batch }: Sent, answer: Answer): Promise<void> {
    if ('error' in answer) return this.#failed(waiting, answer.error);
    try {
      const isKept = this.#options.committed(batch, answer.committed);
      for (const [at, { write, done }] of waiting.entries()) {
        if (isKept) done.resolve(answer.committed.outcomes[at]!);
        else done.reject(unknownOutcome(write));
      }
    } catch (error) {
      // A defect; writing goes on.
      for (const { done } of waiting) done.reject(error);
    }
  }

  /** One bad write fails alone: the others are committed without it. */
  async #failed(waiting: readonly Waiting[], error: unknown): Promise<void> {
    if (error instanceof StoreError && error.kind === 'data' && waiting.length > 1) {
      const middle = waiting.length >> 1;
      for (const half of [waiting.slice(0, middle), waiting.slice(middle)]) {
        const sent = this.#sent(half);
        await this.#finish(sent, await sent.answer);
      }
      return;
    }
    const ambiguous = error instanceof StoreError && error.kind === 'ambiguous';
    for (const { write, done } of waiting) done.reject(ambiguous ? unknownOutcome(write) : callerError(error));
  }

  /** Sends the batch until what became of it is known, for as long as it may take. @throws StoreError */
  async #send(batch: Batch): Promise<Committed> {
    const { store, clock, telemetry, expected, epochResolved } = this.#options;
    const giveUpAtMs = clock.monotonicMs() + RESOLVE_MS_MAX;
    let maybeDone = false;
    let mayArrive = false;
    for (let epochRetries = 0; ; telemetry.add('write_retries')) {
      const startedAtMs = clock.monotonicMs();
      try {
        const answer = await store.commit(batch, expected());
        telemetry.observe('batch_seconds', (clock.monotonicMs() - startedAtMs) / 1000);
        if (!maybeDone || isRemembered(batch, answer)) return answer;
        mayArrive = true;
      } catch (error) {
        if (!(error instanceof StoreError)) throw error;
        maybeDone ||= error.kind === 'ambiguous';
        if (error.kind === 'epoch-changed' && epochRetries++ < EPOCH_RETRIES_MAX) {
          await epochResolved();
          continue;
        }
        const mayResolve = maybeDone && error.kind !== 'data' && clock.monotonicMs() < giveUpAtMs;
        if (!mayResolve) throw maybeDone ? new StoreError('ambiguous', error.message, { cause: error }) : error;
        await pause(clock, RESEND_PAUSE_MS);
      }
      // To ask once more would not tell more.
      if (mayArrive) throw new StoreError('ambiguous', 'what was sent first may still arrive');
    }
  }
}

/**
 * The store remembers what a batch has changed. What was sent before, and is still on its way, finds that and does nothing;
 * of a batch that changed nothing it would be judged anew, whatever its writers had been told.
 */
function isRemembered({ writes }: Batch, { from, to, outcomes }: Committed): boolean {
  if (to >= from) return true;
  return outcomes.every((outcome, at) => writes[at]!.validateOnly || (outcome.done && outcome.replayed));
}

export function unknownOutcome(write: Write): ParamdError {
  return new ParamdError({ reason: 'OUTCOME_UNKNOWN', retriable: write.requestId !== '' });
}
