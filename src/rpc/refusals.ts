import { WAIT_MS_MAX } from './overload.ts';
import { type CallStatus, statusOf } from './status-table.ts';

/** By when it is worth another try: the longer, the less it adds to the overload; and not all at once. */
const RETRY_MS = { least: 500, most: 1500 };
const DELAYS = 16;

/** What whoever comes on top is told. Made once, as most of the calls get it when there is too much to do. */
export const REFUSALS: readonly CallStatus[] = Array.from({ length: DELAYS }, (_, at) => {
  const retryMs = RETRY_MS.least + (at * (RETRY_MS.most - RETRY_MS.least)) / (DELAYS - 1);
  return statusOf({ reason: 'RATE_LIMITED', limit: 'wait_ms', maximum: WAIT_MS_MAX, retryMs });
});

export function oneOf<T>(several: readonly T[]): T {
  return several[Math.floor(Math.random() * several.length)]!;
}
