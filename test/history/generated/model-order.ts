import type { Era, Found, TrueEntry, TrueEvent } from '../history.ts';
import { firstAbove } from '../sorted.ts';

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** How a key was from some moment of the order on. Undefined: it did not exist. */
interface Version {
  readonly moment: number;
  readonly found: Found | undefined;
}

/** A change that a write makes. */
export type Change =
  | { readonly type: 'put'; readonly key: string; readonly value: string }
  | { readonly type: 'delete'; readonly key: string };

/**
 * The order of an era as it grows: how every key was at each of its moments. A moment is a place in it, 0 being before
 * everything; another era goes on from a part of it.
 */
export class ModelOrder {
  readonly era: Writable<Era> & { entries: TrueEntry[] };
  /** Its place among the eras. */
  readonly number: number;
  readonly beganMs: number;
  /** Of each moment: when it came, which revision that is, and what changed. */
  readonly times: number[];
  readonly revisions: bigint[];
  readonly entries: (TrueEntry | undefined)[];
  readonly requests: Map<string, { readonly revision: bigint; readonly moment: number }>;
  readonly #versions: Map<string, Version[]>;
  #sorted: readonly string[] = [];

  constructor(before: ModelOrder | undefined, kept: number, beganMs: number, startRevision: bigint) {
    this.number = before === undefined ? 0 : before.number + 1;
    this.beganMs = beganMs;
    this.times = [...(before?.times.slice(0, kept + 1) ?? []), beganMs];
    this.revisions = [...(before?.revisions.slice(0, kept + 1) ?? []), startRevision - 1n];
    this.entries = [...(before?.entries.slice(0, kept + 1) ?? []), undefined];
    this.requests = new Map([...(before?.requests ?? [])].filter(([, { moment }]) => moment <= kept));
    this.#versions = new Map();
    for (const [key, versions] of before === undefined ? [] : before.#versions) {
      this.#versions.set(
        key,
        versions.filter(({ moment }) => moment <= kept),
      );
    }
    this.era = {
      epochNumber: BigInt(this.number),
      epochId: `epoch-${this.number}`,
      startRevision,
      keptRevision: before?.revisions[kept] ?? 0n,
      continues: this.number - 1,
      entries: [],
      endMs: Number.POSITIVE_INFINITY,
    };
  }

  get head(): number {
    return this.times.length - 1;
  }

  /** The last moment that had come by then. */
  momentAt(ms: number): number {
    return Math.max(0, firstAbove(this.times, ms) - 1);
  }

  /** Undefined: the order does not have it. */
  momentOf(revision: bigint): number | undefined {
    let low = 0;
    let high = this.head;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.revisions[middle]! < revision) low = middle + 1;
      else high = middle;
    }
    return this.revisions[low] === revision ? low : undefined;
  }

  find(key: string, moment: number): Found | undefined {
    const versions = this.#versions.get(key) ?? [];
    let low = 0;
    let high = versions.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (versions[middle]!.moment <= moment) low = middle + 1;
      else high = middle;
    }
    return versions[low - 1]?.found;
  }

  /** In order. */
  keys(): readonly string[] {
    if (this.#sorted.length < this.#versions.size) this.#sorted = [...this.#versions.keys()].sort();
    return this.#sorted;
  }

  /** @returns the revision of the new entry */
  append(ms: number, changes: readonly Change[], batchId: string): bigint {
    const revision = this.era.startRevision + BigInt(this.era.entries.length);
    const moment = this.head + 1;
    const events = changes.map((change): TrueEvent => {
      const before = this.find(change.key, moment - 1);
      const previous = before && { value: before.value, revision: before.revision };
      const isDelete = change.type === 'delete';
      const createRevision = isDelete ? 0n : (before?.createRevision ?? revision);
      const version = isDelete ? 0n : (before?.version ?? 0n) + 1n;
      const value = isDelete ? '' : change.value;
      return { key: change.key, type: change.type, value, previous, createRevision, version };
    });
    for (const { key, type, value, createRevision, version } of events) {
      const found = type === 'delete' ? undefined : { value, revision, createRevision, version };
      const versions = this.#versions.get(key);
      if (versions === undefined) this.#versions.set(key, [{ moment, found }]);
      else versions.push({ moment, found });
    }
    const entry = { revision, batchId, events };
    this.era.entries.push(entry);
    this.times.push(ms);
    this.revisions.push(revision);
    this.entries.push(entry);
    return revision;
  }
}
