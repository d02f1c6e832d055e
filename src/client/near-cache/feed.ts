import type { Parameter } from '../../../gen/parameter/v1/parameter.ts';
import type { ParamdClient } from '../paramd-client.ts';
import type { ParamdRpcError } from '../rpc-error.ts';
import type { WatchItem } from '../watch.ts';
import type { Clock } from './clock.ts';

/** After an error that the next watch would meet again, unless something is changed: it may be a rolling deploy. */
const RETRY_MS_MIN = 1_000;
const RETRY_MS_MAX = 30_000;

export interface FeedOptions {
  readonly client: Pick<ParamdClient, 'watch'>;
  readonly prefixes: readonly string[];
  readonly progressIntervalMs: number;
  readonly clock: Clock;
  readonly position: () => bigint | undefined;
  readonly take: (item: WatchItem) => void;
  readonly loading: (loaded: number) => void;
  /** The stream broke and is opened again soon. */
  readonly broken: (error: ParamdRpcError) => void;
  /** No stream can be had: it is tried again, but seldom. */
  readonly refused: (error: unknown) => void;
}

/** Keeps one watch open, and says when it was last heard of. */
export class Feed {
  readonly #options: FeedOptions;
  #current = new AbortController();
  #cancelRetry = () => {};
  #refusals = 0;
  #heardAtMs = 0;
  #hasAnswered = false;
  #isClosed = false;

  constructor(options: FeedOptions) {
    this.#options = options;
  }

  /** Opens a watch behind what is known, in place of the one that is open. */
  open(): void {
    if (this.#isClosed) return;
    this.#abandon();
    this.#current = new AbortController();
    this.#heardAtMs = this.#options.clock.nowMs();
    this.#hasAnswered = false;
    void this.#follow(this.#current.signal);
  }

  close(): void {
    this.#isClosed = true;
    this.#abandon();
  }

  /** When it was opened or last heard of, or will be opened again. On the monotonic clock. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** Has anything come since it was opened? The first response comes at once. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  #abandon(): void {
    this.#cancelRetry();
    this.#current.abort(new Error('this watch was given up'));
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const { take, refused, clock } = this.#options;
    try {
      for await (const item of this.#watch(signal)) {
        if (signal.aborted) return;
        this.#heard();
        this.#refusals = 0;
        take(item);
        // Every loop that it came through holds it until the next one comes, which may be long.
        if (item.kind === 'snapshot') (item.parameters as Parameter[]).length = 0;
      }
      throw new Error('the watch ended without an error');
    } catch (error) {
      if (signal.aborted) return;
      const ceilingMs = Math.min(RETRY_MS_MIN * 2 ** this.#refusals++, RETRY_MS_MAX);
      const retryMs = ceilingMs * (0.5 + 0.5 * clock.random());
      this.#heard(retryMs);
      this.#cancelRetry = clock.after(retryMs, () => this.open());
      refused(error);
    }
  }

  #watch(signal: AbortSignal): AsyncIterable<WatchItem> {
    const { client, prefixes, progressIntervalMs, position, loading, broken } = this.#options;
    const known = position();
    return client.watch(
      { prefixes },
      {
        fromRevision: known === undefined ? undefined : known + 1n,
        initial: true,
        progressIntervalMs,
        signal,
        onLoading: (loaded) => {
          if (signal.aborted) return;
          this.#heard();
          loading(loaded);
        },
        onBroken: (error, retryInMs) => {
          if (signal.aborted) return;
          this.#heard(retryInMs);
          this.#hasAnswered = false;
          broken(error);
        },
      },
    );
  }

  #heard(inMs = 0): void {
    this.#heardAtMs = this.#options.clock.nowMs() + inMs;
    this.#hasAnswered = true;
  }
}
