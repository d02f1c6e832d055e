import type { Era } from './history.ts';
import { NOWHERE, type Position } from './position.ts';

/** Where the own revisions of an era stand: the one before its first (all that it began with), then one by one. */
export class EraSpan {
  readonly era: Era;
  readonly base: Position;
  readonly last: Position;
  readonly #before: bigint;
  /** Only where the log is not dense, which is a violation already: nothing else may fall over it. */
  readonly #positions: ReadonlyMap<bigint, Position> | undefined;

  constructor(era: Era, base: Position) {
    this.era = era;
    this.base = base;
    this.last = base + era.entries.length;
    this.#before = era.startRevision - 1n;
    const dense = era.entries.every(({ revision }, at) => revision === era.startRevision + BigInt(at));
    if (!dense) this.#positions = new Map(era.entries.map(({ revision }, at) => [revision, base + 1 + at]));
  }

  positionOf(revision: bigint): Position {
    if (revision === this.#before) return this.base;
    if (this.#positions !== undefined) return this.#positions.get(revision) ?? NOWHERE;
    if (revision < this.#before) return NOWHERE;
    const position = this.base + Number(revision - this.#before);
    return position <= this.last ? position : NOWHERE;
  }

  /** Of the newest that is not above the revision; NOWHERE: all are above. */
  positionUpTo(revision: bigint): Position {
    if (revision < this.#before) return NOWHERE;
    return this.base + this.era.entries.filter((entry) => entry.revision <= revision).length;
  }
}
