// Callers say how long they wait, most of them for each call. A timer for each costs more than many calls do, and the sweep
// over the open calls comes too late; so calls whose time is over within the same few milliseconds share a timer.
import type { Clock, Timer } from '../ports/clock.ts';

const SHARED_MS = 5;

/** Whose caller waits no longer than until then. */
export interface Due {
  readonly deadlineAtMs: number;
  expire(): void;
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #shared = new Map<number, { readonly calls: Set<Due>; readonly timer: Timer }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(call: Due): void {
    const slot = slotOf(call);
    let shared = this.#shared.get(slot);
    if (shared === undefined) {
      const inMs = slot * SHARED_MS - this.#clock.monotonicMs();
      shared = { calls: new Set(), timer: this.#clock.setTimer(Math.max(0, inMs), () => this.#expire(slot)) };
      this.#shared.set(slot, shared);
    }
    shared.calls.add(call);
  }

  /** Of one that may have been added. */
  remove(call: Due): void {
    this.#shared.get(slotOf(call))?.calls.delete(call);
  }

  close(): void {
    for (const { timer } of this.#shared.values()) timer.cancel();
    this.#shared.clear();
  }

  #expire(slot: number): void {
    const calls = this.#shared.get(slot)?.calls ?? [];
    this.#shared.delete(slot);
    for (const call of calls) call.expire();
  }
}

/** By when it has ended. */
function slotOf({ deadlineAtMs }: Due): number {
  return Math.ceil(deadlineAtMs / SHARED_MS);
}
