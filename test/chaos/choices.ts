import type { Found, WrittenOperation } from '../history/history.ts';
import type { Reading, Writing } from './calls.ts';
import type { Watched } from './watchers.ts';

const PREFIXES = 10;
const KEYS_PER_PREFIX = 40;
const BATCH_KEYS = 6;
const WRITE_SHARE = 0.2;
/** As of Z and below, down to what needs a poll of its own. */
const STALENESS_MS = [60, 150, 500, 2000];

/** What the traffic asks for and writes: a mixture that every run has. */
export class Choices {
  readonly writeShare = WRITE_SHARE;
  readonly #random: () => number;
  /** As anybody has seen it last, for conditions. */
  readonly #revisions = new Map<string, bigint>();
  #written = 0;

  constructor(random: () => number) {
    this.#random = random;
  }

  reading(seen: bigint): Reading {
    const demands = this.#demands(seen);
    const kind = this.#random();
    if (kind < 0.75) return { method: 'get', keys: [this.#key()], ...demands };
    if (kind < 0.92) return { method: 'batch', keys: this.#keys(BATCH_KEYS), ...demands };
    return { method: 'list', keys: [], prefix: `chaos:${this.#below(PREFIXES)}:`, ...demands };
  }

  /** What was just written, without any demand. */
  readingBack({ operations }: Writing): Reading {
    const keys = operations.map(({ key }) => key);
    return { method: keys.length === 1 ? 'get' : 'batch', keys, linearizable: false };
  }

  writing(client: number): Writing {
    const number = this.#written++;
    const requestId = this.#random() < 0.7 ? `${client}-${number}` : '';
    const keys = this.#random() < 0.25 ? this.#keys(2 + this.#below(3)) : [this.#key()];
    const operations = keys.map((key, at): WrittenOperation => {
      const deletes = this.#random() < 0.15;
      return deletes ? { type: 'delete', key } : { type: 'set', key, value: `${number}.${at}` };
    });
    const conditions = this.#random() < 0.25 ? [this.#condition(keys)] : [];
    return { operations, conditions, requestId };
  }

  /** Of the watchers that begin at one replica: everything, a prefix, and some keys. */
  watched(home: number): Watched[] {
    const prefix = `chaos:${home % PREFIXES}:`;
    return [
      { keys: [], prefixes: [''], sendInitial: false, includePrevious: true },
      { keys: [], prefixes: [prefix], sendInitial: true, includePrevious: home % 2 === 0 },
      { keys: this.#keys(5), prefixes: [], sendInitial: false, includePrevious: false },
    ];
  }

  learn(keys: readonly string[], found: ReadonlyMap<string, Found>): void {
    for (const key of keys) this.#learn(key, found.get(key)?.revision ?? 0n);
  }

  wrote(operations: readonly WrittenOperation[], revision: bigint): void {
    for (const { type, key } of operations) this.#revisions.set(key, type === 'set' ? revision : 0n);
  }

  /** An older answer must not hide a newer one; of a deletion the revision is not known. */
  #learn(key: string, revision: bigint): void {
    if (revision === 0n || revision > (this.#revisions.get(key) ?? 0n)) this.#revisions.set(key, revision);
  }

  #demands(seen: bigint): Pick<Reading, 'atLeastRevision' | 'maxStalenessMs' | 'linearizable'> {
    const kind = this.#random();
    const maxStalenessMs = STALENESS_MS[this.#below(STALENESS_MS.length)]!;
    if (kind < 0.5) return { linearizable: false };
    if (kind < 0.75) return { atLeastRevision: seen, linearizable: false };
    if (kind < 0.85) return { maxStalenessMs, linearizable: false };
    if (kind < 0.95) return { maxStalenessMs, atLeastRevision: seen, linearizable: false };
    return { linearizable: true };
  }

  /** Mostly one that holds, also of a key that is not written. */
  #condition(keys: readonly string[]): Writing['conditions'][number] {
    const key = this.#random() < 0.7 ? keys[0]! : this.#key();
    return { key, revision: this.#revisions.get(key) ?? 0n };
  }

  #keys(count: number): string[] {
    const keys = new Set<string>();
    while (keys.size < count) keys.add(this.#key());
    return [...keys];
  }

  /** Some far more often than others. */
  #key(): string {
    const within = Math.floor(KEYS_PER_PREFIX * this.#random() ** 2);
    return `chaos:${this.#below(PREFIXES)}:${String(within).padStart(2, '0')}`;
  }

  #below(bound: number): number {
    return Math.floor(this.#random() * bound);
  }
}
