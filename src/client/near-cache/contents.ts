import { type Event, Event_Type, type Parameter } from '../../../gen/parameter/v1/parameter.ts';
import { type Entry, entryOf, isSameValue } from './entry.ts';
import type { Change, NearCache } from './near-cache.ts';

/** What is held: the state at one revision, moved on in one go so that nobody sees half of a change. */
export class Contents {
  entries: Map<string, Entry> = new Map();
  source: NearCache['source'] = 'NOT_READY';
  revision = 0n;

  /** Up to where the watch has told. What came from a file tells nothing of that. */
  get position(): bigint | undefined {
    return this.source === 'CACHE' ? this.revision : undefined;
  }

  /** From the snapshot file, before anything else. */
  restore(entries: Map<string, Entry>, revision: bigint): void {
    this.entries = entries;
    this.source = 'SNAPSHOT';
    this.revision = revision;
  }

  /** @returns the difference to what was there, unless nothing was */
  replace(parameters: readonly Parameter[], revision: bigint): readonly Change[] {
    const before = this.entries;
    const isFirst = this.source === 'NOT_READY';
    const entries = new Map<string, Entry>();
    const changes: Change[] = [];
    for (const parameter of parameters) {
      const { key } = parameter;
      const entry = entryOf(parameter);
      const old = before.get(key);
      const isSame = old !== undefined && isSameValue(old, entry);
      // The old one may have been parsed already.
      entries.set(key, isSame && old.revision === entry.revision ? old : entry);
      if (!isSame) changes.push({ key, value: entry.value, previous: old?.value, revision });
    }
    for (const [key, old] of before) {
      if (!entries.has(key)) changes.push({ key, value: undefined, previous: old.value, revision });
    }
    this.entries = entries;
    this.source = 'CACHE';
    this.revision = revision;
    return isFirst ? [] : changes;
  }

  /** Whole revisions. What is known already is left out. */
  apply(events: readonly Event[], revision: bigint): readonly Change[] {
    const changes: Change[] = [];
    for (const { type, parameter, revision: at } of events) {
      if (parameter === undefined || at <= this.revision) continue;
      const { key } = parameter;
      const previous = this.entries.get(key);
      const entry = type === Event_Type.TYPE_DELETE ? undefined : entryOf(parameter);
      if (entry === undefined) this.entries.delete(key);
      else this.entries.set(key, entry);
      changes.push({ key, value: entry?.value, previous: previous?.value, revision: at });
    }
    this.advance(revision);
    return changes;
  }

  /** Nothing else changed up to there. */
  advance(revision: bigint): void {
    if (revision > this.revision) this.revision = revision;
  }
}
