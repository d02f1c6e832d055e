import { VirtualClock } from '../../../src/adapters/memory/virtual-clock.ts';
import type { Clock } from '../../../src/client/near-cache/clock.ts';

export interface VirtualTime extends Clock {
  advance(ms: number): Promise<void>;
  jumpWall(ms: number): void;
}

/** Chance is in the middle unless a test says otherwise. */
export function virtualTime(random: () => number = () => 0.5): VirtualTime {
  const clock = new VirtualClock();
  return {
    nowMs: () => clock.monotonicMs(),
    wallMs: () => clock.wallMs(),
    after: (ms, run) => {
      const timer = clock.setTimer(ms, run);
      return () => timer.cancel();
    },
    random,
    advance: (ms) => clock.advance(ms),
    jumpWall: (ms) => clock.jumpWall(ms),
  };
}
