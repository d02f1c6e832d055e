import { ParamdError } from '../model/errors.ts';
import type { Clock } from '../ports/clock.ts';
import { type Deferred, deferred, type Patience, within } from './waiting.ts';

export interface GateLimits {
  /** Its name, as the error tells it. */
  readonly limit: string;
  readonly runningMax: number;
  readonly waitingMax: number;
}

/** Lets so many run at once, and so many wait for their turn; who comes on top is told to come again. */
export class Gate {
  readonly #limits: GateLimits;
  readonly #clock: Clock;
  readonly #waiting = new Set<Deferred<void>>();
  #running = 0;

  constructor(limits: GateLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** @returns 'late' if the turn did not come in time @throws ParamdError RATE_LIMITED, CANCELLED */
  async pass<T>(run: () => Promise<T>, patience: Patience): Promise<T | 'late'> {
    if ((await this.#turn(patience)) === 'late') return 'late';
    try {
      return await run();
    } finally {
      this.#running -= 1;
      this.#next();
    }
  }

  async #turn(patience: Patience): Promise<'late' | undefined> {
    const { limit, runningMax, waitingMax } = this.#limits;
    if (this.#running < runningMax) {
      this.#running += 1;
      return undefined;
    }
    if (this.#waiting.size >= waitingMax) {
      throw new ParamdError({ reason: 'RATE_LIMITED', limit, maximum: waitingMax, retryMs: 200 });
    }
    const turn = deferred<void>();
    this.#waiting.add(turn);
    try {
      return (await within(turn.promise, this.#clock, patience)) === 'late' ? this.#leave(turn) : undefined;
    } catch (error) {
      this.#leave(turn);
      throw error;
    }
  }

  /** The turn may have come in the same moment: then it goes to the next one. */
  #leave(turn: Deferred<void>): 'late' {
    if (!this.#waiting.delete(turn)) {
      this.#running -= 1;
      this.#next();
    }
    return 'late';
  }

  /** A turn that is given counts as running from now on. */
  #next(): void {
    const [turn] = this.#waiting;
    if (turn === undefined) return;
    this.#waiting.delete(turn);
    this.#running += 1;
    turn.resolve();
  }
}
