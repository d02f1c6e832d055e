// A replica that has too much to do refuses calls, and even that costs it something: at five times the load that it can
// answer, a quarter of its time. So of its calls a client keeps back the share that was refused of those that it has
// sent lately. What it keeps back does not count, so that it sends more as soon as more is answered; nor do calls in
// flight, which tell nothing yet.

/** After this time a call counts half. */
const HALF_LIFE_MS = 1000;
/** So many calls are taken for answered beforehand: a few refusals are no overload. */
const GRACE_CALLS = 5;

/** Of one client. */
export class Throttle {
  readonly #nowMs: () => number;
  readonly #random: () => number;
  #atMs: number;
  #sent = 0;
  #refused = 0;

  constructor(nowMs: () => number = () => performance.now(), random: () => number = Math.random) {
    this.#nowMs = nowMs;
    this.#random = random;
    this.#atMs = nowMs();
  }

  /** @returns false: the call is likely to be refused, and should not be sent */
  admits(): boolean {
    if (this.#refused < 1) return true;
    this.#fade();
    return this.#random() >= this.#refused / (this.#sent + GRACE_CALLS);
  }

  /** A call that was sent has ended. @param isRefused the replica had too much to do */
  ended(isRefused: boolean): void {
    this.#fade();
    this.#sent += 1;
    if (isRefused) this.#refused += 1;
  }

  #fade(): void {
    const nowMs = this.#nowMs();
    const left = 0.5 ** ((nowMs - this.#atMs) / HALF_LIFE_MS);
    this.#sent *= left;
    this.#refused *= left;
    this.#atMs = nowMs;
  }
}
