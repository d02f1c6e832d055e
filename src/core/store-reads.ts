import type { Head } from '../model/revision.ts';
import {
  type ListedPage,
  type ListRange,
  type LogPage,
  type LogRequest,
  type Store,
  StoreError,
  type StoreRead,
} from '../ports/store.ts';
import type { Telemetry } from '../ports/telemetry.ts';
import type { Tailer } from './watch/tailer.ts';

/** A read that goes on meeting another epoch fails; one change of it is usual after a failover. */
const EPOCH_RETRIES_MAX = 3;

/** When the statement began, on the monotonic clock: what it read was current then or later. */
export interface Started {
  readonly startedAtMs: number;
}

/** Reads of the store whose answers belong to the history that is applied; what belongs to another one is discarded. */
export class StoreReads {
  readonly #store: Store;
  readonly #tailer: Tailer;
  readonly #telemetry: Telemetry;

  constructor(store: Store, tailer: Tailer, telemetry: Telemetry) {
    this.#store = store;
    this.#tailer = tailer;
    this.#telemetry = telemetry;
  }

  /** @throws StoreError */
  read(keys: readonly string[], bytesMax: number): Promise<StoreRead & Started> {
    return this.#admitted(() => this.#store.read(keys, { bytesMax }));
  }

  /** @throws StoreError */
  list(range: ListRange): Promise<ListedPage & Started> {
    return this.#admitted(() => this.#store.list(range));
  }

  /** @throws StoreError */
  readLog(request: LogRequest): Promise<LogPage & Started> {
    return this.#admitted(() => this.#store.readLog(request));
  }

  async #admitted<T extends { readonly head: Head }>(read: () => Promise<T>): Promise<T & Started> {
    for (let attempt = 0; attempt < EPOCH_RETRIES_MAX; attempt++) {
      const asked = this.#tailer.ask();
      this.#telemetry.add('store_reads');
      const answer = await read();
      this.#telemetry.observe('load_seconds', (this.#tailer.ask().start.atMs - asked.start.atMs) / 1000);
      if (this.#tailer.admit(asked, answer.head)) return { ...answer, startedAtMs: asked.start.atMs };
      await this.#tailer.epochResolved(answer.head);
    }
    throw new StoreError('epoch-changed', 'the store is changing its epoch');
  }
}
