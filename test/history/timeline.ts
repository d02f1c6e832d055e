import { EraSpan } from './era-span.ts';
import { FilterLog } from './filter-log.ts';
import { getOrMake } from './get-or-make.ts';
import type { TrueEntry, TrueEvent, Truth } from './history.ts';
import { NOWHERE, type Position } from './position.ts';
import { firstAbove } from './sorted.ts';

/** One change of one key, and when in the order. */
export interface Change {
  readonly position: Position;
  readonly revision: bigint;
  readonly event: TrueEvent;
}

interface KeyLog {
  readonly positions: number[];
  readonly changes: Change[];
}

const NO_CHANGES: KeyLog = { positions: [], changes: [] };

/**
 * The truth, to be asked.
 *
 * An era goes on from a prefix of another one, so there is not one order but a tree of them: the order of a position is
 * that of its era, and a revision that a failover lost is in none of the later ones.
 */
export class Timeline {
  readonly spans: readonly EraSpan[];
  readonly length: number;
  /** Place in `spans` of each position's era. */
  readonly #eras: Int32Array;
  readonly #entries: (TrueEntry | undefined)[];
  /** Of each era, of each era: its last position that belongs to the order of the first; NOWHERE: none. */
  readonly #limits: Int32Array[] = [];
  readonly #kept: Position[] = [];
  readonly #keys = new Map<string, KeyLog>();
  readonly #filters = new Map<string, FilterLog>();
  #lastSpan: EraSpan;

  constructor({ eras }: Truth) {
    const spans: EraSpan[] = [];
    for (const era of eras) spans.push(new EraSpan(era, (spans.at(-1)?.last ?? -1) + 1));
    if (spans.length === 0) throw new Error('a truth has at least one era');
    this.spans = spans;
    this.#lastSpan = spans.at(-1)!;
    this.length = this.#lastSpan.last + 1;
    this.#eras = new Int32Array(this.length);
    this.#entries = new Array(this.length);
    for (const [at, span] of spans.entries()) this.#add(at, span);
  }

  #add(at: number, span: EraSpan): void {
    this.#eras.fill(at, span.base, span.last + 1);
    const limits = new Int32Array(this.spans.length).fill(NOWHERE);
    const kept = this.#keptPosition(at, span);
    for (const [other, { base }] of this.spans.slice(0, at).entries()) {
      const limit = Math.min(this.#limits[span.era.continues]?.[other] ?? NOWHERE, kept);
      if (limit >= base) limits[other] = limit;
    }
    limits[at] = span.last;
    this.#limits.push(limits);
    this.#kept.push(kept);
    for (const [offset, entry] of span.era.entries.entries()) {
      const position = span.base + 1 + offset;
      this.#entries[position] = entry;
      for (const event of entry.events) {
        const log = getOrMake(this.#keys, event.key, () => ({ positions: [], changes: [] }));
        log.positions.push(position);
        log.changes.push({ position, revision: entry.revision, event });
      }
    }
  }

  #keptPosition(at: number, { era }: EraSpan): Position {
    const limits = era.continues < at ? this.#limits[era.continues] : undefined;
    if (limits === undefined) return NOWHERE;
    for (let other = at - 1; other >= 0; other--) {
      const upTo = limits[other]! === NOWHERE ? NOWHERE : this.spans[other]!.positionUpTo(era.keptRevision);
      if (upTo !== NOWHERE) return Math.min(upTo, limits[other]!);
    }
    return NOWHERE;
  }

  /** NOWHERE: it never was. */
  positionOf(revision: bigint): Position {
    const position = this.#lastSpan.positionOf(revision);
    if (position !== NOWHERE) return position;
    for (const span of this.spans) {
      const found = span.positionOf(revision);
      if (found === NOWHERE) continue;
      // What is asked for next is of the same era, mostly.
      this.#lastSpan = span;
      return found;
    }
    return NOWHERE;
  }

  /** Place in `spans`. */
  eraAt(position: Position): number {
    return this.#eras[position]!;
  }

  spanAt(position: Position): EraSpan {
    return this.spans[this.#eras[position]!]!;
  }

  /** Undefined: it stands for all that an era began with. */
  entryAt(position: Position): TrueEntry | undefined {
    return this.#entries[position];
  }

  revisionAt(position: Position): bigint {
    return this.#entries[position]?.revision ?? this.spanAt(position).era.startRevision - 1n;
  }

  /** Where an era goes on from in the one before; NOWHERE: it is the first. */
  keptBy(era: number): Position {
    return this.#kept[era]!;
  }

  /** The newest position of the era that is present at the end. */
  get head(): Position {
    return this.length - 1;
  }

  /** Does the order of the era hold it? */
  isIn(era: number, position: Position): boolean {
    return position <= this.#limits[era]![this.#eras[position]!]!;
  }

  /** Is the one part of what is known at the other? */
  reflects(at: Position, position: Position): boolean {
    return position <= at && this.isIn(this.#eras[at]!, position);
  }

  /** Index of the last of these positions that the order holds up to `at`; -1: there is none. */
  lastIn(positions: ArrayLike<number>, at: Position): number {
    const limits = this.#limits[this.#eras[at]!]!;
    let index = firstAbove(positions, at) - 1;
    while (index >= 0) {
      const position = positions[index]!;
      const era = this.#eras[position]!;
      const limit = limits[era]!;
      if (position <= limit) return index;
      index = firstAbove(positions, limit === NOWHERE ? this.spans[era]!.base - 1 : limit) - 1;
    }
    return -1;
  }

  /** The change that put what the key has there. Undefined: it does not exist. */
  stateOf(key: string, at: Position): Change | undefined {
    const { positions, changes } = this.#keys.get(key) ?? NO_CHANGES;
    const change = changes[this.lastIn(positions, at)];
    return change?.event.type === 'put' ? change : undefined;
  }

  /** Every change of the key, oldest first. */
  changesOf(key: string): readonly Change[] {
    return (this.#keys.get(key) ?? NO_CHANGES).changes;
  }

  positionsOf(key: string): readonly Position[] {
    return (this.#keys.get(key) ?? NO_CHANGES).positions;
  }

  keys(): Iterable<string> {
    return this.#keys.keys();
  }

  /** What concerns a set of keys. Made once for each. */
  filterLog(keys: readonly string[], prefixes: readonly string[]): FilterLog {
    const name = JSON.stringify([keys, prefixes]);
    return getOrMake(this.#filters, name, () => new FilterLog(this, keys, prefixes));
  }
}
