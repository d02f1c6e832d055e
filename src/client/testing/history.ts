import type { Event, Parameter } from '../../../gen/parameter/v1/parameter.ts';

/** The state, and the events that led to it, by revision. */
export class History {
  readonly #current = new Map<string, Parameter>();
  /** Oldest first; all above `compactRevision`. */
  #log: (readonly Event[])[] = [];
  #head = 0n;
  #compactRevision = 0n;
  readonly #awaiting = new Set<() => void>();

  get head(): bigint {
    return this.#head;
  }

  /** History up to and including it is gone. */
  get compactRevision(): bigint {
    return this.#compactRevision;
  }

  find(key: string): Parameter | undefined {
    return this.#current.get(key);
  }

  /** In the order of keys, which is that of their bytes and not of UTF-16 units. */
  sorted(selects: (key: string) => boolean): Parameter[] {
    return [...this.#current.values()]
      .filter(({ key }) => selects(key))
      .map((parameter) => ({ parameter, bytes: Buffer.from(parameter.key) }))
      .sort((one, other) => Buffer.compare(one.bytes, other.bytes))
      .map(({ parameter }) => parameter);
  }

  /** The events of the next revision. */
  append(events: readonly Event[]): void {
    this.#head += 1n;
    this.#log.push(events);
    for (const { parameter } of events) {
      if (parameter?.value === undefined) this.#current.delete(parameter!.key);
      else this.#current.set(parameter.key, parameter);
    }
    this.wake();
  }

  /** Of one revision above `compactRevision`. */
  eventsAt(revision: bigint): readonly Event[] {
    return this.#log[Number(revision - this.#compactRevision) - 1] ?? [];
  }

  compact(revision: bigint): void {
    if (revision <= this.#compactRevision) return;
    this.#log = this.#log.slice(Number(revision - this.#compactRevision));
    this.#compactRevision = revision;
    this.wake();
  }

  /** Lets everybody look again who waits for `moved`. */
  wake(): void {
    for (const look of [...this.#awaiting]) look();
  }

  /** @throws the signal's reason */
  moved(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const settle = () => {
        this.#awaiting.delete(look);
        signal?.removeEventListener('abort', leave);
      };
      const look = () => {
        settle();
        resolve();
      };
      const leave = () => {
        settle();
        reject(signal?.reason);
      };
      this.#awaiting.add(look);
      signal?.addEventListener('abort', leave);
    });
  }
}
