import type { Clock } from './clock.ts';

/**
 * A moment of this process. How long ago it was, the monotonic clock tells; but that clock may stand still while the
 * machine sleeps, so whatever the wall clock ran ahead of it since then counts too. A wall clock can thus make a moment
 * older and never younger.
 */
export class Moment {
  readonly #clock: Clock;
  readonly #atMs: number;
  /** The least that was seen of wall clock minus monotonic clock: setting it back must not hide a later sleep. */
  #wallOffsetMs: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atMs = clock.nowMs();
    this.#wallOffsetMs = clock.wallMs() - this.#atMs;
  }

  elapsedMs(): number {
    const nowMs = this.#clock.nowMs();
    const offsetMs = this.#clock.wallMs() - nowMs;
    if (offsetMs < this.#wallOffsetMs) this.#wallOffsetMs = offsetMs;
    return nowMs - this.#atMs + (offsetMs - this.#wallOffsetMs);
  }
}
