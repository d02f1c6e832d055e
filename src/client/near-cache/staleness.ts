// How old what the near cache holds can be (C5), by this process' own clocks.
//
// Problem: a watch that is silent has either nothing to tell, or is dead: a frozen server, a half-open connection, a
// proxy that forgot it. Naive answer: take the age of the last item. Nothing comes from a server where nothing changes,
// and what does come may have waited anywhere for any time. Chosen answer: head checks, which are reads without keys.
//
// A head check that began at p answers with revision h and staleness bound s: that answer was current at p - s or later,
// so every change committed before p - s has a revision <= h. The watch is at position W: every change <= W of these
// prefixes is applied, whole and in order. Once W >= h, everything held here was therefore current at p - s, and
//
//     bound(now) = (now - p) + s      of the check for which that is least.
//
// A check whose h is beyond W waits until the watch gets there; what has no staleness bound proves nothing. A degraded
// answer has its true age as s and is proof like any other.
//
// h and W must be places in one history. A failover that loses commits goes on beyond all of their revisions (C9), so an
// h from after it is beyond a W from before. Servers that come back with another store know nothing of W and have a small
// h, which would "prove" it; so a check demands revision W (at_least_revision) and gets REVISION_LOST there. If the watch
// then begins anew below W, all proof is forgotten, also by the check that is under way: it was of another history. A
// snapshot above W needs none of that: what was committed before p - s is <= h <= W, so it is in there.
//
// This is how it stays within B (maxStalenessMs), if every call takes little time:
//
//     B/2    until the next check begins: at most, for it is jittered (0.8 to 1.0)
//     B/8    that one check is lost on, at a server that does not answer
//     B/20   until it is tried again
//     B/10   s: what a check demands of an answer, as long as the store can be reached
//     B/5    until the watch has told of h, where it has no event for these prefixes: the progress interval
//     ------
//     0.975 B; the rest is for the way there and back.
import type { Clock } from './clock.ts';
import { Moment } from './moment.ts';

/** Answers that wait for the watch; more are of no use. */
const PENDING_MAX = 16;

interface Answer {
  readonly begun: Moment;
  readonly head: bigint;
  readonly ageMs: number;
}

/** A check that is under way. */
export interface HeadCheck {
  readonly begun: Moment;
  readonly history: number;
}

export class Staleness {
  readonly #clock: Clock;
  #proof: Answer | undefined;
  #pending: Answer[] = [];
  #doubtSinceMs: number | undefined;
  /** Counts how often all was forgotten. */
  #history = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Before the check is sent. */
  begin(): HeadCheck {
    return { begun: new Moment(this.#clock), history: this.#history };
  }

  /** @param position of the watch; undefined: it has told of no state yet */
  answered({ begun, history }: HeadCheck, head: bigint, ageMs: number, position: bigint | undefined): void {
    if (history !== this.#history) return;
    const answer = { begun, head, ageMs: Math.max(0, ageMs) };
    if (position !== undefined && head <= position) {
      this.#prove(answer);
      if (this.#pending.length === 0) this.#doubtSinceMs = undefined;
      return;
    }
    // The oldest are kept, for the watch reaches them first: else one that is always a little behind would prove nothing.
    if (this.#pending.length < PENDING_MAX) this.#pending.push(answer);
    this.#doubtSinceMs ??= this.#clock.nowMs();
  }

  /** A check found that the servers do not know the revision that the watch has reached. */
  contradicted(): void {
    this.#doubtSinceMs ??= this.#clock.nowMs();
  }

  /** The watch has got there. */
  reached(position: bigint): void {
    for (const answer of this.#pending) if (answer.head <= position) this.#prove(answer);
    const left = this.#pending.filter(({ head }) => head > position);
    if (left.length < this.#pending.length) this.#doubtSinceMs = left.length > 0 ? this.#clock.nowMs() : undefined;
    this.#pending = left;
  }

  /** The watch has begun anew in another history. */
  forget(): void {
    this.#history++;
    this.#proof = undefined;
    this.#pending = [];
    this.#doubtSinceMs = undefined;
  }

  /** What is held was current at most this long ago. Undefined: nothing is known. */
  boundMs(): number | undefined {
    return this.#proof && boundOf(this.#proof);
  }

  /** Since when it has been known that there is more than the watch has told of. On the monotonic clock. */
  get doubtSinceMs(): number | undefined {
    return this.#doubtSinceMs;
  }

  #prove(answer: Answer): void {
    if (this.#proof === undefined || boundOf(answer) < boundOf(this.#proof)) this.#proof = answer;
  }
}

function boundOf({ begun, ageMs }: Answer): number {
  return begun.elapsedMs() + ageMs;
}
