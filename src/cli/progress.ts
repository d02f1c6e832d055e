import type { Io } from './io.ts';

const PERIOD_MS = 100;
/** Clears the rest of the line. */
const CLEAR = '\u001b[K';

/** One line at the end of a terminal that is written over as the work goes on. Where nobody looks on, nothing. */
export interface Progress {
  /** The text is made only when it is shown, ten times in a second at most. */
  show(text: () => string): void;
  /** Takes the line away, so that others can be written. */
  clear(): void;
}

export function openProgress(io: Io): Progress {
  if (io.stderr.isTTY !== true || io.env.TERM === 'dumb') return { show: () => {}, clear: () => {} };
  let shownMs = Number.NEGATIVE_INFINITY;
  let present = false;
  return {
    show(text) {
      if (performance.now() - shownMs < PERIOD_MS) return;
      shownMs = performance.now();
      present = true;
      io.stderr.write(`\r${text()}${CLEAR}`);
    },
    clear() {
      if (present) io.stderr.write(`\r${CLEAR}`);
      present = false;
    },
  };
}

/** "12,345/s" since the moment. */
export function rate(count: number, sinceMs: number): string {
  const seconds = Math.max(0.001, (performance.now() - sinceMs) / 1000);
  return `${Math.round(count / seconds).toLocaleString('en')}/s`;
}

/** "[######----------]  37 %" */
export function bar(share: number): string {
  const filled = Math.round(Math.min(1, share) * 20);
  return `[${'#'.repeat(filled)}${'-'.repeat(20 - filled)}] ${String(Math.floor(share * 100)).padStart(3)} %`;
}

/** "38 s left", as it went so far. */
export function timeLeft(share: number, sinceMs: number): string {
  const seconds = ((performance.now() - sinceMs) / 1000) * (1 / Math.max(share, 0.001) - 1);
  return seconds < 100 ? `${Math.ceil(seconds)} s left` : `${Math.ceil(seconds / 60)} min left`;
}
