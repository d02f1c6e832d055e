import type { History } from './history.ts';
import { NOWHERE, type Position } from './position.ts';
import type { Timeline } from './timeline.ts';

/**
 * When each revision had been committed at the latest, by what anybody saw: an acknowledgement, a read or a response of
 * a watch that showed it or a later one of the same order.
 */
export class Evidence {
  readonly #provenMs: Float64Array;
  readonly #timeline: Timeline;

  constructor({ operations, watches }: History, timeline: Timeline) {
    this.#timeline = timeline;
    this.#provenMs = new Float64Array(timeline.length).fill(Number.POSITIVE_INFINITY);
    for (const { outcome, returnMs } of operations) if (outcome.status === 'ok') this.#saw(outcome.revision, returnMs);
    for (const { responses } of watches) {
      for (const { kind, revision, atMs } of responses) if (kind !== 'initial') this.#saw(revision, atMs);
    }
    for (let era = timeline.spans.length - 1; era >= 0; era--) this.#conclude(era);
  }

  /** Infinity: nothing proves it. */
  provenMs(position: Position): number {
    return this.#provenMs[position]!;
  }

  /** The newest of the era that had been committed by then; of those without proof, what the era began with. */
  newestBefore(era: number, ms: number): Position {
    const { base, last } = this.#timeline.spans[era]!;
    let low = base;
    let high = last;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if (this.#provenMs[middle]! < ms) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  #saw(revision: bigint, ms: number): void {
    const position = this.#timeline.positionOf(revision);
    if (position !== NOWHERE && ms < this.#provenMs[position]!) this.#provenMs[position] = ms;
  }

  /** What proves a revision proves those before it, those of the eras before included. */
  #conclude(era: number): void {
    const { base, last } = this.#timeline.spans[era]!;
    let earliest = Number.POSITIVE_INFINITY;
    for (let position = last; position >= base; position--) {
      earliest = Math.min(earliest, this.#provenMs[position]!);
      this.#provenMs[position] = earliest;
    }
    const kept = this.#timeline.keptBy(era);
    if (kept !== NOWHERE) this.#provenMs[kept] = Math.min(this.#provenMs[kept]!, earliest);
  }
}
