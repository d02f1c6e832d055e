import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts';
import type { Clock } from '../../../src/client/near-cache/clock.ts';

export interface VirtualTime extends Clock {
  advance(ms: number): Promise<void>;
  jumpWall(ms: number): void;
  /** How many wait to run. */
  readonly timers: number;
}

/** Chance is in the middle unless a test says otherwise. */
export function virtualTime(random: () => number = () => 0.5): VirtualTime {
  const clock = new VirtualClock();
  const timers = new Set<object>();
  return {
    get timers() {
      return timers.size;
    },
    nowMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    after: (ms, run) => {
      const timer = clock.setTimer(ms, () => {
        timers.delete(timer);
        run();
      });
      timers.add(timer);
      return () => {
        timers.delete(timer);
        timer.cancel();
      };
    },
    random,
    advance: (ms) => clock.advance(ms),
    jumpWall: (ms) => clock.jumpWall(ms),
  };
}
