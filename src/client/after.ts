/** Node takes what is longer, also Infinity, for 1 ms. 24 days. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** Runs once after at least `ms`; those that wait for more than 24 days are served then. @returns how to cancel it */
export function after(ms: number, run: () => void): () => void {
  const timer = setTimeout(run, Math.min(Math.ceil(ms), TIMER_MS_MAX));
  return () => clearTimeout(timer);
}
