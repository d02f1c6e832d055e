// Problem: calls that come faster than they are answered wait in sockets and in promises, where nothing tells for how
// long. Each is answered when its caller has given up and tries again: all the work is done for nobody, also when the load
// has gone down. A bound on calls in flight does not help: most are answered in the moment in which they are read.
// Refusing by the age of one turn of the event loop is too eager: a pause of the process looks the same.
//
// So calls take turns here, and a turn is short: in between all that has come is read, and what is too much is refused
// from its headers, for a fraction of the cost. Too much is what makes the queue longer from one window to the next while
// it is never empty: after a pause it gets shorter, as long as the load is one that can be answered.
import type { Clock } from '../ports/clock.ts';

/** Then the sockets are read again. */
const TURN_MS = 10;
/** Long enough that a queue that does not shrink is none of chance. */
const WINDOW_MS = 500;
/** A caller who has waited for more of its time than this is likely to leave before the answer. */
const TIME_SHARE_MAX = 0.5;

/** A call that has come whole. */
export interface QueuedCall {
  readonly startedAtMs: number;
  readonly deadlineAtMs: number;
  /** Nobody waits for the answer any more. */
  readonly hasLeft: boolean;
}

interface Waiting {
  readonly call: QueuedCall;
  readonly run: () => void;
  readonly refuse: () => void;
}

export interface CallQueueLimits {
  /** How long calls may wait for their turn under overload. */
  readonly queueMsMax: number;
  readonly queuedCallsMax: number;
}

/** The calls of one process that wait for their turn. */
export class CallQueue {
  readonly #clock: Clock;
  readonly #limits: CallQueueLimits;
  readonly #soon: (run: () => void) => void;
  #waiting: Waiting[] = [];
  /** Of `#waiting`: those before it have had their turn. */
  #next = 0;
  #turnEndsAtMs: number | undefined;
  /** Since when the queue has not been empty, or the last window's end. */
  #windowAtMs: number | undefined;
  #lengthBefore = Number.POSITIVE_INFINITY;
  #turnEndedAtMs: number | undefined;
  /** In this window, and how long they took. */
  #taken = 0;
  #busyMs = 0;
  /** How many may wait under overload; Infinity: there is none. */
  #room = Number.POSITIVE_INFINITY;
  #fullAtMs = 0;

  /** @param soon runs it when what has come meanwhile is read */
  constructor(clock: Clock, limits: CallQueueLimits, soon: (run: () => void) => void = setImmediate) {
    this.#clock = clock;
    this.#limits = limits;
    this.#soon = soon;
  }

  /** Whether a call that comes now is refused: it would wait too long. */
  isFull(): boolean {
    if (this.#length >= this.#room) {
      this.#fullAtMs = this.#clock.monotonicMs();
      return true;
    }
    return this.#length >= this.#limits.queuedCallsMax;
  }

  get #length(): number {
    return this.#waiting.length - this.#next;
  }

  /** Runs it at once if none waits and this turn is young, else in its turn; or refuses it. Neither may throw. */
  enter(call: QueuedCall, run: () => void, refuse: () => void): void {
    const nowMs = this.#clock.monotonicMs();
    this.#recover(nowMs);
    if (this.#turnEndsAtMs === undefined) {
      this.#turnEndsAtMs = nowMs + TURN_MS;
      this.#soon(this.#take);
    }
    if (this.#length === 0 && nowMs < this.#turnEndsAtMs) run();
    else if (this.isFull()) refuse();
    else {
      this.#windowAtMs ??= nowMs;
      this.#waiting.push({ call, run, refuse });
    }
  }

  /** Neither a call nor its refusal throws. */
  readonly #take = (): void => void this.#turn();

  async #turn(): Promise<void> {
    const startedAtMs = this.#clock.monotonicMs();
    let nowMs = startedAtMs;
    // As long as all else took, which would otherwise get the most of the time, the more there is to refuse.
    const endsAtMs = nowMs + Math.max(TURN_MS, nowMs - (this.#turnEndedAtMs ?? nowMs));
    while (this.#length > 0 && nowMs < endsAtMs) {
      const waiting = this.#waiting[this.#next++]!;
      if (this.#isTooLate(waiting.call, nowMs)) waiting.refuse();
      else {
        this.#taken++;
        waiting.run();
        // What it costs is seen only when what it has promised is done.
        await undefined;
      }
      nowMs = this.#clock.monotonicMs();
    }
    this.#busyMs += nowMs - startedAtMs;
    this.#turnEndedAtMs = nowMs;
    if (this.#length === 0) this.#calm();
    else {
      this.#forget();
      this.#judge(nowMs);
      // Whoever comes until then waits behind the others.
      this.#turnEndsAtMs = nowMs;
      this.#soon(this.#take);
    }
  }

  #isTooLate({ startedAtMs, deadlineAtMs, hasLeft }: QueuedCall, nowMs: number): boolean {
    if (hasLeft || nowMs >= deadlineAtMs) return true;
    const share = (nowMs - startedAtMs) / (deadlineAtMs - startedAtMs);
    return this.#isOverloaded && share > TIME_SHARE_MAX;
  }

  #calm(): void {
    this.#waiting = [];
    this.#next = 0;
    this.#turnEndsAtMs = undefined;
    this.#windowAtMs = undefined;
    this.#lengthBefore = Number.POSITIVE_INFINITY;
    this.#turnEndedAtMs = undefined;
    this.#taken = 0;
    this.#busyMs = 0;
  }

  /** Only after a while: under overload, too, a queue that is kept short is empty now and then. */
  #recover(nowMs: number): void {
    if (this.#isOverloaded && nowMs - this.#fullAtMs > WINDOW_MS) this.#room = Number.POSITIVE_INFINITY;
  }

  get #isOverloaded(): boolean {
    return this.#room !== Number.POSITIVE_INFINITY;
  }

  /** Those that have had their turn, seldom enough that moving the others costs nothing. */
  #forget(): void {
    if (this.#next < this.#waiting.length / 2) return;
    this.#waiting = this.#waiting.slice(this.#next);
    this.#next = 0;
  }

  #judge(nowMs: number): void {
    if (nowMs - this.#windowAtMs! < WINDOW_MS) return;
    // By what calls cost: by how many there were it would fall and fall, as fewer are taken where fewer may wait.
    const room = Math.max(1, (this.#taken * this.#limits.queueMsMax) / Math.max(1, this.#busyMs));
    if (this.#isOverloaded) this.#room = room;
    else if (this.#length >= this.#lengthBefore && this.#length > room) {
      this.#room = room;
      this.#fullAtMs = nowMs;
    }
    this.#lengthBefore = this.#length;
    this.#taken = 0;
    this.#busyMs = 0;
    this.#windowAtMs = nowMs;
  }
}
