import type { Position } from './position.ts';
import type { Timeline } from './timeline.ts';
import type { Writes } from './writes.ts';

/** Before when each revision cannot have been committed: nothing is, before somebody called for it or for one before it. */
export class Possible {
  readonly #timeline: Timeline;
  readonly #notBeforeMs: Float64Array;

  constructor(timeline: Timeline, writes: Writes) {
    this.#timeline = timeline;
    this.#notBeforeMs = new Float64Array(timeline.length);
    for (const { base, last } of timeline.spans) {
      let latest = Number.NEGATIVE_INFINITY;
      for (let position = base; position <= last; position++) {
        latest = Math.max(latest, writes.notBeforeMs(position));
        this.#notBeforeMs[position] = latest;
      }
    }
  }

  /** The newest of the era that may have been committed by then. */
  newestAt(era: number, ms: number): Position {
    const { base, last } = this.#timeline.spans[era]!;
    let low = base;
    let high = last;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#notBeforeMs[middle]! <= ms) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}
