import type { Clock, Timer } from '../../ports/clock.ts';
import { TimerHeap } from './timer-heap.ts';

/** Time that passes only when told to, so that a simulation is fast and repeatable. */
export class VirtualClock implements Clock {
  #nowMs = 1_000;
  #wallAheadMs = 1_790_000_000_000;
  readonly #timers = new TimerHeap();

  /** No two looks see the same moment, as with a real clock: a nanosecond passes. */
  monotonicMs(): number {
    this.#nowMs += 1e-6;
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallAheadMs;
  }

  setTimer(ms: number, run: () => void): Timer {
    return this.#timers.add(this.#nowMs + Math.max(0, ms), run);
  }

  /** The wall clock jumps, as when the machine slept, or somebody set it. */
  jumpWall(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** Lets time pass: timers run when they are due, and everything that follows from each before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    while (this.#timers.firstDueMs <= untilMs) await this.#runFirst();
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Lets time pass until the promise settles. */
  async until<T>(promise: Promise<T>, msMax = 60_000): Promise<T> {
    let pending = true;
    const ended = () => {
      pending = false;
    };
    promise.then(ended, ended);
    await settled();
    for (const giveUpMs = this.#nowMs + msMax; pending; ) {
      if (this.#timers.firstDueMs > giveUpMs) throw new Error(`nothing happened for ${msMax} virtual ms`);
      await this.#runFirst();
    }
    return promise;
  }

  #runFirst(): Promise<void> {
    const first = this.#timers.takeFirst()!;
    this.#nowMs = Math.max(this.#nowMs, first.dueMs);
    first.run();
    return settled();
  }
}

/** Promises that follow from each other run before the event loop's next turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
