import type { DefaultsUsed, ReadReason } from './near-cache.ts';

const KEYS_MAX = 10_000;

interface Used {
  count: number;
  reason: ReadReason;
  readonly logged: Set<ReadReason>;
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
    if (used === undefined) return;
    used.count++;
    used.reason = reason;
    if (used.logged.has(reason)) return;
    used.logged.add(reason);
    this.#log(`near cache: default used for ${key}: ${problem} (${reason})`);
  }

  #register(key: string, reason: ReadReason): Used | undefined {
    if (this.#byKey.size >= KEYS_MAX) {
      if (!this.#isFull) this.#log(`near cache: defaults used for ${KEYS_MAX} keys; further keys are not counted`);
      this.#isFull = true;
      return undefined;
    }
    const used = { count: 0, reason, logged: new Set<ReadReason>() };
    this.#byKey.set(key, used);
    return used;
  }
}
