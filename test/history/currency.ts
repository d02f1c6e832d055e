import type { Evidence } from './evidence.ts';
import type { ReadRecord } from './history.ts';
import { NOWHERE, type Position } from './position.ts';
import { firstAbove } from './sorted.ts';
import type { Timeline } from './timeline.ts';

/** The first change behind a position, within its era, of what an answer is about. */
export type NextChange = (after: Position) => Position | undefined;

/** Until when an answer as of some revision was what the primary had. */
export class Currency {
  readonly #timeline: Timeline;
  readonly #evidence: Evidence;
  readonly #grainMs: number;
  /** Of each era, those that go on from it. */
  readonly #next: number[][];

  constructor(timeline: Timeline, evidence: Evidence, grainMs: number) {
    this.#timeline = timeline;
    this.#evidence = evidence;
    this.#grainMs = grainMs;
    this.#next = timeline.spans.map(() => []);
    for (const era of timeline.spans.keys()) {
      const kept = timeline.keptBy(era);
      if (kept !== NOWHERE) this.#next[timeline.eraAt(kept)]!.push(era);
    }
  }

  /** At the latest: then its first change had been committed for certain, or its era was over and went on without it. */
  untilMs(position: Position, nextChange: NextChange): number {
    const timeline = this.#timeline;
    const era = timeline.eraAt(position);
    const change = nextChange(position);
    const changedMs = change === undefined ? Number.POSITIVE_INFINITY : this.#evidence.provenMs(change);
    let until = Math.min(changedMs, timeline.spans[era]!.era.endMs + this.#grainMs);
    if (until === Number.POSITIVE_INFINITY) return until;
    for (const next of this.#next[era]!) {
      const kept = timeline.keptBy(next);
      if (kept < position || (change !== undefined && change <= kept)) continue;
      until = Math.max(until, this.untilMs(timeline.spans[next]!.base, nextChange));
    }
    return until;
  }

  /** Of anything at all. */
  readonly anyChange: NextChange = (after) => (after < this.#timeline.spanAt(after).last ? after + 1 : undefined);

  changeOf({ method, keys, prefix = '' }: ReadRecord): NextChange {
    if (method === 'list') {
      const log = this.#timeline.filterLog([], [prefix]);
      return (after) => log.nextChange(after);
    }
    // Such a call asks for the revision alone.
    if (keys.length === 0) return this.anyChange;
    return (after) => {
      let first = this.#timeline.spanAt(after).last + 1;
      const none = first;
      for (const key of keys) {
        const positions = this.#timeline.positionsOf(key);
        const next = positions[firstAbove(positions, after)];
        if (next !== undefined && next < first) first = next;
      }
      return first === none ? undefined : first;
    };
  }
}
