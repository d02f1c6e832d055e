import type { Position } from './position.ts';
import { firstAbove } from './sorted.ts';
import type { Timeline } from './timeline.ts';

/** Where in the order something changed that a set of keys and prefixes matches. */
export class FilterLog {
  /** Ascending, none twice. */
  readonly positions: Int32Array;
  /** Keys that ever were, and match. */
  readonly keys: ReadonlySet<string>;
  readonly #timeline: Timeline;
  /** So many of them exist at each of the positions. Made when it is first asked for. */
  #living: Int32Array | undefined;

  constructor(timeline: Timeline, keys: readonly string[], prefixes: readonly string[]) {
    this.#timeline = timeline;
    const wanted = new Set(keys);
    const matches = (key: string) => wanted.has(key) || prefixes.some((prefix) => key.startsWith(prefix));
    this.keys = new Set([...timeline.keys()].filter(matches));
    const all: number[] = [];
    for (const key of this.keys) for (const position of timeline.positionsOf(key)) all.push(position);
    const sorted = Int32Array.from(all).sort();
    this.positions = sorted.filter((position, at) => position !== sorted[at - 1]);
  }

  /** The first change behind a position, within its era. Undefined: there is none. */
  nextChange(after: Position): Position | undefined {
    const next = this.positions[firstAbove(this.positions, after)];
    return next !== undefined && next <= this.#timeline.spanAt(after).last ? next : undefined;
  }

  /** How many of the keys exist. */
  livingAt(position: Position): number {
    this.#living ??= this.#count();
    return this.#living[this.#timeline.lastIn(this.positions, position)] ?? 0;
  }

  #count(): Int32Array {
    const timeline = this.#timeline;
    const living = new Int32Array(this.positions.length);
    for (const [at, position] of this.positions.entries()) {
      let count = living[timeline.lastIn(this.positions, position - 1)] ?? 0;
      for (const { key, type, previous } of timeline.entryAt(position)!.events) {
        if (!this.keys.has(key)) continue;
        if (type === 'delete') count -= 1;
        else if (previous === undefined) count += 1;
      }
      living[at] = count;
    }
    return living;
  }
}
