import type { Head } from '../../model/revision.ts';
import type { Clock, Random, Timer } from '../../ports/clock.ts';

export interface PollIntervals {
  /** While reads or watches need the lease. */
  readonly activeMs: number;
  readonly idleMs: number;
}

interface Poll {
  readonly startedAtMs: number;
  readonly answer: Promise<Head>;
}

/** The interval varies by this part to both sides, so that replicas do not poll in step. */
const JITTER = 0.2;

/**
 * Head reads: one at a time, on a schedule, or at once for a caller that needs one begun after a given moment. Callers
 * share: a read that began after that moment serves all of them.
 */
export class Poller {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #intervals: PollIntervals;
  readonly #read: () => Promise<Head>;
  readonly #isNeeded: () => boolean;
  #current: Poll | undefined;
  #next: Promise<Head> | undefined;
  #timer: Timer | undefined;
  #dueAtMs = Number.POSITIVE_INFINITY;
  #stopped = false;

  constructor(options: {
    clock: Clock;
    random: Random;
    intervals: PollIntervals;
    /** Reads the head and acts upon it. */
    read: () => Promise<Head>;
    /** Does anybody need the lease now? */
    isNeeded: () => boolean;
  }) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#intervals = options.intervals;
    this.#read = options.read;
    this.#isNeeded = options.isNeeded;
  }

  /** The answer of a head read that began no earlier than `sinceMs`. */
  since(sinceMs: number): Promise<Head> {
    const current = this.#current;
    if (current === undefined) return this.#begin();
    if (current.startedAtMs >= sinceMs) return current.answer;
    this.#next ??= current.answer.then(
      () => this.#begin(),
      () => this.#begin(),
    );
    this.#next.catch(() => {});
    return this.#next;
  }

  /** Somebody needs the lease who did not a moment ago: the idle interval is too long now. */
  hurry(): void {
    if (this.#stopped || this.#current !== undefined) return;
    // Never later than it is due already: many callers would keep it away for ever.
    const soonMs = this.#clock.monotonicMs() + this.#intervals.activeMs * (1 + JITTER);
    if (this.#dueAtMs > soonMs) this.#schedule();
  }

  start(): void {
    this.#schedule();
  }

  /** Resolves when the read in flight has ended. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#current?.answer.catch(() => {});
  }

  #begin(): Promise<Head> {
    this.#next = undefined;
    this.#timer?.cancel();
    const answer = this.#read();
    const poll = { startedAtMs: this.#clock.monotonicMs(), answer };
    this.#current = poll;
    const ended = () => {
      if (this.#current === poll) this.#current = undefined;
      if (this.#next === undefined) this.#schedule();
    };
    answer.then(ended, ended);
    return answer;
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer?.cancel();
    const intervalMs = this.#isNeeded() ? this.#intervals.activeMs : this.#intervals.idleMs;
    const jittered = intervalMs * (1 - JITTER + 2 * JITTER * this.#random());
    this.#dueAtMs = this.#clock.monotonicMs() + jittered;
    this.#timer = this.#clock.setTimer(jittered, () => {
      if (this.#current === undefined) this.#begin().catch(() => {});
    });
  }
}
