import { after } from '../after.ts';

/** Time and chance as a near cache takes them, so that tests run it on virtual time. */
export interface Clock {
  /** Monotonic, with fraction. May stand still while the machine sleeps. */
  nowMs(): number;
  /** Since 1970; may jump. */
  wallMs(): number;
  /** Runs once after at least `ms`. @returns how to cancel it */
  after(ms: number, run: () => void): () => void;
  /** Uniform in [0, 1), for jitter. */
  random(): number;
}

export const systemClock: Clock = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  after,
  random: Math.random,
};
