import type { Clock, Timer } from '../../ports/clock.ts';

/** Node fires at once when asked to wait for longer. */
const TIMEOUT_MS_MAX = 2 ** 31 - 1;

/** The machine's own time. Its timers do not keep the process alive. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimer: (ms, run) => startTimer(performance.now() + ms, run),
};

/** Node rounds to milliseconds and may fire early by one: what is left then is waited for again. */
function startTimer(dueMs: number, run: () => void): Timer {
  let timeout: NodeJS.Timeout | undefined;
  function wait(): void {
    const leftMs = dueMs - performance.now();
    timeout = setTimeout(fire, Math.min(Math.max(Math.ceil(leftMs), 0), TIMEOUT_MS_MAX)).unref();
  }
  function fire(): void {
    if (performance.now() < dueMs) wait();
    else run();
  }
  wait();
  return { cancel: () => clearTimeout(timeout) };
}
