import { status } from '@grpc/grpc-js';
import { msOfDuration } from '../duration.ts';
import type { ParamdClient } from '../paramd-client.ts';
import { ParamdRpcError } from '../rpc-error.ts';
import type { Clock } from './clock.ts';
import type { Timing } from './settings.ts';
import type { Staleness } from './staleness.ts';

/** Until when the call itself is given up: later than we do, who know when this process stood still. */
const CALL_TIMEOUTS = 4;

export interface HeadChecksOptions {
  readonly client: Pick<ParamdClient, 'getMany'>;
  readonly staleness: Staleness;
  readonly timing: Timing;
  readonly clock: Clock;
  /** Of the watch. */
  readonly position: () => bigint | undefined;
  /** After every check, with why it failed. */
  readonly done: (failure: unknown) => void;
}

/** Asks for the head, one check at a time: what staleness.ts makes its bound from. */
export class HeadChecks {
  readonly #options: HeadChecksOptions;
  #isClosed = false;
  #cancelTimer = () => {};
  #cancelTimeout = () => {};
  #underWay: AbortController | undefined;
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
    if (this.#underWay !== undefined) this.#isAnotherDue = true;
    else if (!this.#isClosed) void this.#check();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
    this.#cancelTimeout();
    this.#underWay?.abort();
  }

  /** The servers themselves do not reach their store, says the last answer. */
  get answersDegraded(): boolean {
    return this.#takesDegraded && this.#failures === 0;
  }

  /** On the monotonic clock; undefined: the last one was answered. */
  get failingSinceMs(): number | undefined {
    return this.#failingSinceMs;
  }

  async #check(): Promise<void> {
    const { staleness, clock, done, timing } = this.#options;
    const underWay = new AbortController();
    this.#underWay = underWay;
    this.#giveUpAfter(timing.checkTimeoutMs, underWay);
    const startedAtMs = clock.nowMs();
    const check = staleness.begin();
    let failure: unknown;
    try {
      const { freshness } = await this.#ask(underWay.signal);
      if (freshness?.stalenessBound !== undefined) {
        const ageMs = msOfDuration(freshness.stalenessBound);
        staleness.answered(check, freshness.revision, ageMs, this.#options.position());
      }
      this.#takesDegraded = freshness?.degraded ?? false;
      this.#failures = 0;
      this.#failingSinceMs = undefined;
    } catch (error) {
      if (this.#isClosed) return;
      failure = error;
      if (error instanceof ParamdRpcError && error.reason === 'REVISION_LOST') staleness.contradicted();
      this.#takesDegraded = true;
      this.#failures++;
      this.#failingSinceMs ??= startedAtMs;
    } finally {
      this.#cancelTimeout();
      this.#underWay = undefined;
    }
    if (this.#isClosed) return;
    this.#cancelTimer = clock.after(this.#pauseMs(startedAtMs), () => void this.#check());
    done(failure);
  }

  #giveUpAfter(ms: number, check: AbortController): void {
    const { clock } = this.#options;
    const dueMs = clock.nowMs() + ms;
    this.#cancelTimeout = clock.after(ms, () => {
      // Late: this process stood still, and the answer may have come and not be read yet.
      if (clock.nowMs() - dueMs > ms / 2) this.#giveUpAfter(ms, check);
      else check.abort(new ParamdRpcError(status.DEADLINE_EXCEEDED, `no answer to a head check within ${ms} ms`));
    });
  }

  #ask(signal: AbortSignal) {
    const { client, timing, position } = this.#options;
    return client.getMany([], {
      atLeastRevision: position() ?? 0n,
      maxStalenessMs: this.#takesDegraded ? undefined : timing.answerAgeMs,
      timeoutMs: timing.checkTimeoutMs * CALL_TIMEOUTS,
      signal,
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
