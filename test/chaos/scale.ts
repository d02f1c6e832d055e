import type { Scale } from './fault.ts';

/** So much of a campaign's times and counts is done in CI. */
const SHORT_SHARE = 0.1;

/** As the faults are written. */
export const FULL: Scale = { short: false, ms: (full) => full, times: (full) => full };

/** Every fault in seconds. */
export const SHORT: Scale = {
  short: true,
  ms: (full, least = 0) => Math.max(least, full * SHORT_SHARE),
  times: (full, least = 1) => Math.max(least, Math.round(full * SHORT_SHARE)),
};
