/** Tries that a client makes again when it is told that it asks too much: these at once, and one for ten answers. */
const RETRIES_AT_ONCE_MAX = 10;
const RETRIES_PER_ANSWER = 0.1;

/**
 * Of one client. Under overload each call that is refused comes again, and three times the load that was too much is what
 * keeps it so. What is left of the budget says how much of it would be in vain.
 */
export class RetryBudget {
  #left = RETRIES_AT_ONCE_MAX;

  answered(): void {
    this.#left = Math.min(RETRIES_AT_ONCE_MAX, this.#left + RETRIES_PER_ANSWER);
  }

  /** @returns false: nothing is left of it */
  take(): boolean {
    if (this.#left < 1) return false;
    this.#left -= 1;
    return true;
  }
}
