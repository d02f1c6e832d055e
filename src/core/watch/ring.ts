import { eventBytes, type LogEntry } from '../../model/event.ts';
import type { Revision } from '../../model/revision.ts';

/** The newest part of the log in memory, without a hole: where a watch that catches up meets the live stream. */
export class Ring {
  readonly #bytesMax: number;
  #entries: { entry: LogEntry; bytes: number }[] = [];
  #bytes = 0;
  #after: Revision;

  constructor(bytesMax: number, after: Revision) {
    this.#bytesMax = bytesMax;
    this.#after = after;
  }

  /** Holds every entry behind this revision. */
  get after(): Revision {
    return this.#after;
  }

  push(entry: LogEntry): void {
    const bytes = entry.events.reduce((sum, event) => sum + eventBytes(event, true), 64);
    this.#entries.push({ entry, bytes });
    this.#bytes += bytes;
    let dropped = 0;
    while (this.#bytes > this.#bytesMax && dropped < this.#entries.length) {
      const oldest = this.#entries[dropped]!;
      this.#bytes -= oldest.bytes;
      this.#after = oldest.entry.revision;
      dropped += 1;
    }
    // Half at a time at least, so that dropping does not cost a copy for every push.
    if (dropped > 0) this.#entries.splice(0, dropped);
  }

  /** Entries behind `revision`, oldest first. Only if `revision` ≥ after. */
  behind(revision: Revision): readonly LogEntry[] {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#entries[middle]!.entry.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return this.#entries.slice(low).map(({ entry }) => entry);
  }

  reset(after: Revision): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#after = after;
  }
}
