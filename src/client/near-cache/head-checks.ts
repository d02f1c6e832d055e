import { msOfDuration } from '../duration.ts';
import type { ParamdClient } from '../paramd-client.ts';
import { ParamdRpcError } from '../rpc-error.ts';
import type { Clock } from './clock.ts';
import type { Timing } from './settings.ts';
import type { Staleness } from './staleness.ts';

export interface HeadChecksOptions {
  readonly client: Pick<ParamdClient, 'getMany'>;
  readonly staleness: Staleness;
  readonly timing: Timing;
  readonly clock: Clock;
  /** Of the watch. */
  readonly position: () => bigint | undefined;
  /** After every check. */
  readonly done: (error: ParamdRpcError | undefined) => void;
}

/** Asks for the head, one check at a time: what staleness.ts makes its bound from. */
export class HeadChecks {
  readonly #options: HeadChecksOptions;
  readonly #closing = new AbortController();
  #cancelTimer = () => {};
  #isUnderWay = false;
  /** The one that is under way will not do. */
  #isAnotherDue = false;
  #failures = 0;
  #failingSinceMs: number | undefined;
  /** The store cannot be reached, or so it seems: then a degraded answer, which has its true age, is better than none. */
  #takesDegraded = false;

  constructor(options: HeadChecksOptions) {
    this.#options = options;
  }

  /** Checks now, and from now on. */
  start(): void {
    this.#cancelTimer();
    if (this.#isUnderWay) this.#isAnotherDue = true;
    else if (!this.#closing.signal.aborted) void this.#check();
  }

  close(): void {
    this.#cancelTimer();
    this.#closing.abort();
  }

  /** On the monotonic clock; undefined: the last one was answered. */
  get failingSinceMs(): number | undefined {
    return this.#failingSinceMs;
  }

  async #check(): Promise<void> {
    const { staleness, clock, done } = this.#options;
    this.#isUnderWay = true;
    const startedAtMs = clock.nowMs();
    const check = staleness.begin();
    let failure: ParamdRpcError | undefined;
    try {
      const { freshness } = await this.#ask();
      if (freshness?.stalenessBound !== undefined) {
        const ageMs = msOfDuration(freshness.stalenessBound);
        staleness.answered(check, freshness.revision, ageMs, this.#options.position());
      }
      this.#takesDegraded = freshness?.degraded ?? false;
      this.#failures = 0;
      this.#failingSinceMs = undefined;
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      if (error instanceof ParamdRpcError) failure = error;
      if (failure?.reason === 'REVISION_LOST') staleness.contradicted();
      this.#takesDegraded = true;
      this.#failures++;
      this.#failingSinceMs ??= startedAtMs;
    } finally {
      this.#isUnderWay = false;
    }
    if (this.#closing.signal.aborted) return;
    this.#cancelTimer = clock.after(this.#pauseMs(startedAtMs), () => void this.#check());
    done(failure);
  }

  #ask() {
    const { client, timing, position } = this.#options;
    return client.getMany([], {
      atLeastRevision: position() ?? 0n,
      maxStalenessMs: this.#takesDegraded ? undefined : timing.answerAgeMs,
      timeoutMs: timing.checkTimeoutMs,
      signal: this.#closing.signal,
    });
  }

  /** After a failure soon, because the next one goes to another replica; then more and more seldom. */
  #pauseMs(startedAtMs: number): number {
    const { timing, clock } = this.#options;
    const { checkPeriodMs, checkRetryMs } = timing;
    const isAnotherDue = this.#isAnotherDue;
    this.#isAnotherDue = false;
    if (this.#failures > 0 || isAnotherDue) {
      const ceilingMs = Math.min(checkRetryMs * 2 ** Math.max(0, this.#failures - 1), checkPeriodMs);
      return ceilingMs * (0.5 + 0.5 * clock.random());
    }
    const nextAtMs = startedAtMs + checkPeriodMs * (0.8 + 0.2 * clock.random());
    return Math.max(nextAtMs - clock.nowMs(), checkRetryMs / 2);
  }
}
