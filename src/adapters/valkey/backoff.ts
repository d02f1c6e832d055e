import type { Random } from '../../ports/clock.ts';

const FIRST_MS = 50;
const LONGEST_MS = 2000;

/** Growing pauses between attempts, with jitter so that a fleet does not come back as one. */
export interface Backoff {
  nextMs(): number;
  /** The last attempt proved good. */
  reset(): void;
}

export function createBackoff(random: Random): Backoff {
  let attempts = 0;
  return {
    nextMs() {
      const ms = Math.min(FIRST_MS * 2 ** Math.min(attempts++, 16), LONGEST_MS);
      return Math.round(ms * (0.5 + random() / 2));
    },
    reset() {
      attempts = 0;
    },
  };
}
