import { textOf } from '../rpc-error.ts';
import { Callbacks } from './callbacks.ts';
import type { Clock } from './clock.ts';

export interface DegradationOptions {
  readonly maxStalenessMs: number;
  readonly boundMs: () => number | undefined;
  readonly clock: Clock;
  readonly log: (line: string) => void;
  /** Why there is no newer proof, for people. */
  readonly why: () => string;
}

/** Tells when answers become degraded, and when they are not any more. */
export class Degradation {
  readonly #options: DegradationOptions;
  readonly #listeners = new Callbacks<boolean>();
  #wasDegraded = true;
  #hasLapsed = false;
  #cancelTimer = () => {};
  #isClosed = false;

  constructor(options: DegradationOptions) {
    this.#options = options;
  }

  isDegraded(boundMs: number | undefined): boolean {
    return boundMs === undefined || boundMs > this.#options.maxStalenessMs;
  }

  /** @returns how to end it */
  add(listener: (degraded: boolean) => void): () => void {
    return this.#listeners.add(listener);
  }

  /** Something has happened. */
  look(): void {
    this.#cancelTimer();
    if (this.#isClosed) return;
    const { clock, maxStalenessMs, boundMs } = this.#options;
    const nowBoundMs = boundMs();
    const isDegraded = this.isDegraded(nowBoundMs);
    if (!isDegraded) this.#cancelTimer = clock.after(maxStalenessMs - (nowBoundMs ?? 0) + 1, () => this.look());
    if (isDegraded === this.#wasDegraded) return;
    this.#wasDegraded = isDegraded;
    this.#tell(isDegraded);
  }

  /** Nothing is known from the start on, so that there is no change to tell of. */
  unreached(): void {
    if (this.#isClosed || this.#hasLapsed || !this.#wasDegraded) return;
    this.#hasLapsed = true;
    this.#options.log(`near cache: no server has answered yet: ${this.#options.why()}; trying on`);
  }

  close(): void {
    this.#isClosed = true;
    this.#cancelTimer();
  }

  #tell(isDegraded: boolean): void {
    const { log, maxStalenessMs, why } = this.#options;
    if (isDegraded) log(`near cache: answers may be older than ${maxStalenessMs} ms: ${why()}`);
    else if (this.#hasLapsed) log(`near cache: answers are at most ${maxStalenessMs} ms old again`);
    this.#hasLapsed ||= isDegraded;
    this.#listeners.call(isDegraded, (error) =>
      log(`near cache: a listener for degraded answers threw ${textOf(error)}`),
    );
  }
}
