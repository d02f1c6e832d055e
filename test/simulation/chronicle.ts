import type { MemoryStore, StoreWitness } from '../../src/adapters/memory/store.ts';
import type { LogEntry } from '../../src/model/event.ts';
import type { Parameter } from '../../src/model/parameter.ts';
import type { Epoch, Revision } from '../../src/model/revision.ts';
import { textOfParameter } from '../core/cluster.ts';
import type { Era, TrueEntry, TrueEvent, Truth } from '../history/history.ts';
import type { Trace } from './trace.ts';

/** Every write sets this label to what no other one does: so it tells which write a parameter is of. */
export const WRITE_LABEL = 'w';

export function writtenValue(parameter: Parameter | null | undefined): string {
  return parameter?.labels.get(WRITE_LABEL) ?? '';
}

interface Chapter {
  readonly epoch: Epoch;
  readonly keptRevision: Revision;
  readonly continues: number;
  readonly entries: TrueEntry[];
  /** When each of them was committed. */
  readonly atMs: number[];
  /** When its store was lost to the replicas. */
  endMs: number;
}

/** One server: which chapter it writes at. */
export interface Lineage extends StoreWitness {
  /** The server has ceased to be the primary. */
  ended(): void;
  /** What a copy of it up to some revision goes on with. */
  branch(server: string, upTo: Revision): Lineage;
}

/** All that was ever committed, on whichever server, and when: what every answer is held against. */
export class Chronicle {
  readonly #chapters: Chapter[] = [];
  /** The text that a value had, by the key and what its write is called. */
  readonly #texts = new Map<string, string | undefined>();
  readonly #nowMs: () => number;
  readonly #trace: Trace;

  constructor(nowMs: () => number, trace: Trace) {
    this.#nowMs = nowMs;
    this.#trace = trace;
  }

  begin(server: string): Lineage {
    return this.#lineage(server, -1);
  }

  /** After `begin`, with what the store began with. */
  first(store: MemoryStore): void {
    this.#open(store.knownEpochs[0]!, 0n, -1);
  }

  /** In the order in which they ended, so that what counts in the end is the last one. */
  get truth(): Truth {
    const order = [...this.#chapters].sort((one, other) => one.endMs - other.endMs || 0);
    const placeOf = (chapter: number) => order.indexOf(this.#chapters[chapter]!);
    return { eras: order.map((chapter) => this.#era(chapter, placeOf)) };
  }

  textOf(key: string, value: string): string | undefined {
    return this.#texts.get(`${key} ${value}`);
  }

  /** For people: epoch and place in it. */
  short(revision: Revision | undefined): string {
    if (revision === undefined) return '-';
    const chapter = this.#chapterOf(revision);
    const { number, startRevision } = chapter.epoch;
    return number === 0n
      ? String(revision)
      : `${number}#${this.#chapters.indexOf(chapter)}+${revision - startRevision + 1n}`;
  }

  /**
   * Until when what some keys were at a revision was still so, at a primary that a replica could have polled. Infinity: it
   * still is.
   */
  currentUntilMs(concerns: (key: string) => boolean, revision: Revision): number {
    const at = this.#chapters.indexOf(this.#chapterOf(revision));
    return this.#currentUntilMs(at, concerns, revision);
  }

  #currentUntilMs(at: number, concerns: (key: string) => boolean, after: Revision): number {
    const { entries, atMs, endMs } = this.#chapters[at]!;
    const next = entries.findIndex((entry) => entry.revision > after && entry.events.some(({ key }) => concerns(key)));
    const changedAtMs = next < 0 ? Number.POSITIVE_INFINITY : atMs[next]!;
    const changed = next < 0 ? undefined : entries[next]!.revision;
    let untilMs = Math.min(changedAtMs, endMs);
    for (const [child, { continues, keptRevision }] of this.#chapters.entries()) {
      if (continues !== at || keptRevision < after) continue;
      if (changed !== undefined && keptRevision >= changed) continue;
      untilMs = Math.max(untilMs, this.#currentUntilMs(child, concerns, after));
    }
    return untilMs;
  }

  #chapterOf(revision: Revision): Chapter {
    return this.#chapters
      .filter(({ epoch }) => epoch.startRevision - 1n <= revision)
      .reduce((newest, other) => (other.epoch.startRevision > newest.epoch.startRevision ? other : newest));
  }

  #lineage(server: string, from: number, upTo?: Revision): Lineage {
    let present = from;
    let kept = upTo;
    return {
      committed: (entry) => this.#commit(server, this.#chapters[present < 0 ? 0 : present]!, entry),
      epochBegan: (epoch, keptRevision) => {
        const former = Math.max(present, 0);
        // The same server goes on: its former epoch has ended here, and lives on in the new one.
        if (kept === undefined) this.#chapters[former]!.endMs = Math.min(this.#chapters[former]!.endMs, this.#nowMs());
        this.#open(epoch, kept ?? keptRevision, former);
        present = this.#chapters.length - 1;
        kept = undefined;
        this.#trace.tell(server, () => `epoch ${epoch.number} begins after ${this.short(epoch.lostAfter)}`);
      },
      ended: () => {
        const chapter = this.#chapters[Math.max(present, 0)]!;
        if (kept === undefined) chapter.endMs = Math.min(chapter.endMs, this.#nowMs());
      },
      branch: (name, upTo) => this.#lineage(name, Math.max(present, 0), upTo),
    };
  }

  #open(epoch: Epoch, keptRevision: Revision, after: number): void {
    let continues = after;
    // What was put back may reach not even into the chapter that it was taken from.
    while (continues > 0 && keptRevision < this.#chapters[continues]!.epoch.startRevision - 1n) {
      continues = this.#chapters[continues]!.continues;
    }
    const endMs = Number.POSITIVE_INFINITY;
    this.#chapters.push({ epoch, keptRevision, continues, entries: [], atMs: [], endMs });
  }

  #commit(server: string, chapter: Chapter, entry: LogEntry): void {
    const { revision, batchId } = entry;
    for (const { type, key, parameter } of entry.events) {
      if (type === 'put') this.#texts.set(`${key} ${writtenValue(parameter)}`, textOfParameter(parameter));
    }
    chapter.entries.push({ revision, batchId, events: entry.events.map(trueEvent) });
    chapter.atMs.push(this.#nowMs());
    this.#trace.tell(server, () => {
      const events = entry.events.map(({ type, key, parameter }) =>
        type === 'put' ? `${key}=${writtenValue(parameter)}` : `${key} deleted`,
      );
      return `commits ${this.short(revision)} ${events.join(' ')} (batch ${batchId.slice(0, 4)})`;
    });
  }

  #era({ epoch, keptRevision, continues, entries, endMs }: Chapter, placeOf: (chapter: number) => number): Era {
    const { number, id, startRevision } = epoch;
    return {
      epochNumber: number,
      epochId: id,
      startRevision,
      keptRevision,
      continues: placeOf(continues),
      entries,
      endMs,
    };
  }
}

function trueEvent({ type, key, parameter, previous }: LogEntry['events'][number]): TrueEvent {
  return {
    key,
    type,
    value: type === 'put' ? writtenValue(parameter) : '',
    previous: previous ? { value: writtenValue(previous), revision: previous.revision } : undefined,
    createRevision: parameter!.createRevision,
    version: parameter!.version,
  };
}
