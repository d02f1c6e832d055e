import { eventBytes } from '../../model/event.ts';
import type { Revision } from '../../model/revision.ts';
import type { Announcement } from '../../ports/bus.ts';

/** Of all announcements that wait for a hole before them to be filled. */
const HELD_BYTES_MAX = 1 << 20;

/** Announcements that came too early, in the order of revisions. What does not fit is dropped: the log has it. */
export class HeldAnnouncements {
  #held: { announcement: Announcement; bytes: number }[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#held.length === 0;
  }

  hold(announcement: Announcement): void {
    const bytes = announcement.entries.reduce(
      (sum, entry) => entry.events.reduce((eventSum, event) => eventSum + eventBytes(event, true), sum),
      64,
    );
    if (this.#bytes + bytes > HELD_BYTES_MAX) return;
    const later = this.#held.findIndex((other) => other.announcement.from > announcement.from);
    this.#held.splice(later < 0 ? this.#held.length : later, 0, { announcement, bytes });
    this.#bytes += bytes;
  }

  /** The first one that `applied` has reached: it follows without a hole, or is overtaken. */
  takeReached(applied: Revision): Announcement | undefined {
    const first = this.#held[0];
    if (first === undefined || first.announcement.from > applied + 1n) return undefined;
    this.#held.shift();
    this.#bytes -= first.bytes;
    return first.announcement;
  }

  clear(): void {
    this.#held = [];
    this.#bytes = 0;
  }
}
