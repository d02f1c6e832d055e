import type { Clock, Timer } from '../../ports/clock.ts';

interface Pending {
  readonly dueMs: number;
  readonly order: number;
  readonly run: () => void;
}

/** Time that passes only when told to, so that a simulation is fast and repeatable. */
export class VirtualClock implements Clock {
  #nowMs = 1_000;
  #wallAheadMs = 1_790_000_000_000;
  readonly #timers = new Set<Pending>();
  #order = 0;

  /** No two looks see the same moment, as with a real clock: a nanosecond passes. */
  monotonicMs(): number {
    this.#nowMs += 1e-6;
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs + this.#wallAheadMs;
  }

  setTimer(ms: number, run: () => void): Timer {
    const pending = { dueMs: this.#nowMs + Math.max(0, ms), order: this.#order++, run };
    this.#timers.add(pending);
    return {
      cancel: () => {
        this.#timers.delete(pending);
      },
    };
  }

  /** The wall clock jumps, as when the machine slept, or somebody set it. */
  jumpWall(ms: number): void {
    this.#wallAheadMs += ms;
  }

  /** Lets time pass: timers run when they are due, and everything that follows from each before the next. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    for (let next = this.#first(); next !== undefined && next.dueMs <= untilMs; next = this.#first()) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#timers.delete(next);
      next.run();
      await settled();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
    await settled();
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
      const next = this.#first();
      if (next === undefined || next.dueMs > giveUpMs) throw new Error(`nothing happened for ${msMax} virtual ms`);
      await this.advance(next.dueMs - this.#nowMs);
    }
    return promise;
  }

  #first(): Pending | undefined {
    let first: Pending | undefined;
    for (const other of this.#timers) {
      const isEarlier = first === undefined || other.dueMs < first.dueMs;
      if (isEarlier || (other.dueMs === first!.dueMs && other.order < first!.order)) first = other;
    }
    return first;
  }
}

/** Promises that follow from each other run before the event loop's next turn. */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
