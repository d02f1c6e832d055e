import type { Clock } from './clock.ts';
import type { Feed } from './feed.ts';
import type { HeadChecks } from './head-checks.ts';
import type { Timing } from './settings.ts';
import type { Staleness } from './staleness.ts';

/** Opening again is tried ever more seldom, up to this: servers that stall for want of time get no more to do. */
const PATIENCE_MS_MAX = 60_000;
const DOUBLINGS_MAX = 10;

export interface StallWatchOptions {
  readonly feed: Feed;
  readonly checks: HeadChecks;
  readonly staleness: Staleness;
  readonly timing: Timing;
  readonly clock: Clock;
  readonly position: () => bigint | undefined;
  readonly reopening: () => void;
}

/**
 * Notices a watch that is open and dead: silent, although a head check told that there is more, or although nothing can
 * be checked either. Then it is opened again, which by round robin goes to another replica where there is one.
 */
export class StallWatch {
  readonly #options: StallWatchOptions;
  #cancelTimer = () => {};
  #reopened = 0;
  /** Checks have failed since then, or did the last time that was looked. */
  #outageSinceMs: number | undefined;
  /** Until then nothing that was late counts: this process stood still. */
  #awakeSinceMs = Number.NEGATIVE_INFINITY;
  #isClosed = false;

  constructor(options: StallWatchOptions) {
    this.#options = options;
  }

  /** Something has happened. */
  look(): void {
    this.#cancelTimer();
    if (this.#isClosed) return;
    this.#noteOutage();
    const dueMs = this.#dueMs();
    if (dueMs === undefined) {
      this.#reopened = 0;
      return;
    }
    const { feed, checks, clock, timing, reopening } = this.#options;
    const nowMs = clock.nowMs();
    if (nowMs < dueMs) {
      this.#cancelTimer = clock.after(dueMs - nowMs, () => this.look());
      return;
    }
    if (nowMs - dueMs > timing.slackMs / 2) {
      // So late only if this process stood still: what has arrived in the meantime is not read yet.
      this.#awakeSinceMs = nowMs;
      this.look();
      return;
    }
    this.#reopened = Math.min(this.#reopened + 1, DOUBLINGS_MAX);
    reopening();
    // Of two replicas the dead one comes next whenever a check has just succeeded, at the other: for ever, since checks
    // take turns between them too. One more check steps aside.
    if (!feed.hasAnswered && checks.failingSinceMs === undefined) checks.start();
    feed.open();
    this.look();
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
  }

  /** After an outage the watch is as little patient as at first: what was opened in vain says nothing any more. */
  #noteOutage(): void {
    const { checks, clock, timing } = this.#options;
    const sinceMs = this.#outageSinceMs;
    this.#outageSinceMs = checks.failingSinceMs;
    if (sinceMs === undefined || this.#outageSinceMs !== undefined) return;
    if (clock.nowMs() - sinceMs >= timing.maxStalenessMs) this.#reopened = 0;
  }

  /** When the watch counts as stalled unless it is heard of. Undefined: nothing speaks against it. */
  #dueMs(): number | undefined {
    const { feed, checks, staleness, timing } = this.#options;
    const quietSinceMs = Math.max(feed.heardAtMs, this.#awakeSinceMs);
    const { doubtSinceMs } = staleness;
    const { failingSinceMs } = checks;
    if (doubtSinceMs !== undefined) return Math.max(doubtSinceMs, quietSinceMs) + this.#patienceMs();
    if (failingSinceMs === undefined) return undefined;
    return Math.max(failingSinceMs, quietSinceMs) + doubled(timing.maxStalenessMs, this.#reopened);
  }

  #patienceMs(): number {
    const { feed, timing, position } = this.#options;
    const loadingMs = timing.maxStalenessMs / 2;
    const openingMs = position() === undefined ? loadingMs : 0;
    const patienceMs = feed.hasAnswered ? timing.progressIntervalMs : openingMs;
    return doubled(patienceMs + timing.slackMs, Math.max(0, this.#reopened - 1));
  }
}

function doubled(ms: number, times: number): number {
  return Math.max(ms, Math.min(ms * 2 ** times, PATIENCE_MS_MAX));
}
