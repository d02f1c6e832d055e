import { setImmediate as turnOfEventLoop } from 'node:timers/promises';
import type { Clock } from '../near-cache/clock.ts';

interface Timer {
  readonly dueMs: number;
  readonly run: () => void;
}

/** Time that stands still until it is moved, for the store and for the near caches alike. */
export class MemoryClock implements Clock {
  #nowMs: number;
  readonly #timers = new Set<Timer>();

  constructor(start: Date) {
    this.#nowMs = start.getTime();
  }

  nowMs(): number {
    return this.#nowMs;
  }

  wallMs(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): () => void {
    const timer = { dueMs: this.#nowMs + ms, run };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** No jitter. */
  random(): number {
    return 0.5;
  }

  /** What becomes due on the way is run at its time, and what follows from it is waited for. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    for (;;) {
      await turnOfEventLoop();
      const [next] = [...this.#timers].sort((one, other) => one.dueMs - other.dueMs);
      if (next === undefined || next.dueMs > untilMs) break;
      this.#timers.delete(next);
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      next.run();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }
}
