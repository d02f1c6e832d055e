// Problem: calls that come faster than they are answered wait, for their requests, for the processor, for room on their
// connections, until their callers have given up and try again. All the work is then done for nobody, and it stays so when
// the load has gone down. No fixed bound on calls in flight helps, as what can be in flight differs by a thousand from one
// mix of calls to another; and what waits for a slow store looks the same, though there would be time for others.
//
// So two signs have to come together: the process has had no time left over for two seconds, and so many calls are open that
// the last of them would wait for longer than callers like to. Then calls beyond those that can be answered in a moment are
// refused from their headers, which costs a fraction of an answer, until none has to be.
import { performance } from 'node:perf_hooks';
import type { Clock } from '../ports/clock.ts';

const WINDOW_MS = 250;
/** Of a window in which there was always something to do. */
const BUSY_SHARE = 0.95;
/** In a row. Bursts end before, and so does what a pause of the process has left. */
const BUSY_WINDOWS = 8;
/** What a call may wait for those before it until it is too much, and what it may while there is too much. */
const WAIT_MS_TOO_MUCH = 250;
export const WAIT_MS_MAX = 100;
/** Fewer open calls are never too much: those who make them wait for their answers. */
const OPEN_MIN = 256;
/** Never fewer are taken, by which it is found out how many can be. */
const ROOM_MIN = 16;
/** Of what a window tells of the calls answered per second: one alone tells little. */
const WEIGHT = { rising: 0.5, falling: 0.25 };

/** What the server has to do with its calls. */
export interface CallCounts {
  /** Open, from their headers until their answers are taken. */
  count(): number;
  /** Whose answers were taken, since the start. */
  taken(): number;
}

/** In what part of the time since it was last asked this process had something to do, 0 to 1. */
export type BusyShare = () => number;

/** Which calls to refuse, so that the others are answered in time. */
export class Overload {
  readonly #clock: Clock;
  readonly #calls: CallCounts;
  readonly #busyShare: BusyShare;
  #windowAtMs: number;
  #busyWindows = 0;
  #taken = 0;
  #takenPerMs = 0;
  /** Calls that may be open; Infinity: there is no overload. */
  #room = Number.POSITIVE_INFINITY;
  /** In this window. */
  #refused = 0;

  constructor(clock: Clock, calls: CallCounts, busyShare = busyShareOfProcess()) {
    this.#clock = clock;
    this.#calls = calls;
    this.#busyShare = busyShare;
    this.#windowAtMs = clock.monotonicMs();
  }

  /** Whether a call that comes now is too much. */
  refuses(): boolean {
    const nowMs = this.#clock.monotonicMs();
    if (nowMs - this.#windowAtMs >= WINDOW_MS) this.#judge(nowMs);
    if (this.#calls.count() < this.#room) return false;
    this.#refused += 1;
    return true;
  }

  #judge(nowMs: number): void {
    const isBusy = this.#busyShare() >= BUSY_SHARE;
    this.#busyWindows = isBusy ? this.#busyWindows + 1 : 0;
    this.#countTaken(nowMs - this.#windowAtMs);
    if (this.#room === Number.POSITIVE_INFINITY) {
      const tooMany = Math.max(OPEN_MIN, this.#takenPerMs * WAIT_MS_TOO_MUCH);
      if (this.#busyWindows >= BUSY_WINDOWS && this.#calls.count() > tooMany) this.#room = this.#answerable;
    } else if (this.#refused === 0) this.#room = Number.POSITIVE_INFINITY;
    // What holds them up is something else, or they were kept too few.
    else this.#room = isBusy ? this.#answerable : 2 * Math.max(this.#room, this.#answerable);
    this.#refused = 0;
    this.#windowAtMs = nowMs;
  }

  #countTaken(inMs: number): void {
    const taken = this.#calls.taken();
    const perMs = (taken - this.#taken) / inMs;
    this.#takenPerMs += (perMs - this.#takenPerMs) * (perMs > this.#takenPerMs ? WEIGHT.rising : WEIGHT.falling);
    this.#taken = taken;
  }

  get #answerable(): number {
    return Math.max(ROOM_MIN, this.#takenPerMs * WAIT_MS_MAX);
  }
}

function busyShareOfProcess(): BusyShare {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}
