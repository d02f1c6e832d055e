import type { DefaultsUsed, ReadReason } from './near-cache.ts';

const KEYS_MAX = 10_000;

class Used implements DefaultsUsed {
  count = 0;
  reason: ReadReason;
  readonly #known = new Set<ReadReason>();

  constructor(reason: ReadReason) {
    this.reason = reason;
  }

  /** @returns whether it is the first time for this reason */
  add(reason: ReadReason): boolean {
    this.count++;
    this.reason = reason;
    const isFirst = !this.#known.has(reason);
    this.#known.add(reason);
    return isFirst;
  }
}

/** Counts the defaults that stood in, and says so once per key and reason. */
export class DefaultsCounter {
  readonly #byKey = new Map<string, Used>();
  readonly #log: (line: string) => void;
  #isFull = false;

  constructor(log: (line: string) => void) {
    this.#log = log;
  }

  get byKey(): ReadonlyMap<string, DefaultsUsed> {
    return this.#byKey;
  }

  count(key: string, reason: ReadReason, problem: string): void {
    const used = this.#byKey.get(key) ?? this.#register(key, reason);
    if (used?.add(reason)) this.#log(`near cache: default used for ${key}: ${problem} (${reason})`);
  }

  #register(key: string, reason: ReadReason): Used | undefined {
    if (this.#byKey.size >= KEYS_MAX) {
      if (!this.#isFull) this.#log(`near cache: defaults used for ${KEYS_MAX} keys; further keys are not counted`);
      this.#isFull = true;
      return undefined;
    }
    const used = new Used(reason);
    this.#byKey.set(key, used);
    return used;
  }
}
