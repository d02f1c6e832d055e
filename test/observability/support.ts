import { pino } from 'pino';
import type { Logger, OpenLogger } from '../../src/observability/logger.ts';
import type { Clock } from '../../src/ports/clock.ts';

export const silent: OpenLogger = { logger: pino({ level: 'silent' }), dropped: () => 3, flush: () => {} };

/** A clock that stands still until it is told. Without timers. */
export function manualClock(): Clock & { advance(ms: number): void } {
  let nowMs = 1000;
  return {
    monotonicMs: () => nowMs,
    wallMs: () => nowMs,
    setTimer() {
      throw new Error('no timers here');
    },
    advance(ms) {
      nowMs += ms;
    },
  };
}

/** Keeps what is logged, parsed. */
export function recordingLogger(level = 'debug'): { logger: Logger; lines: Record<string, unknown>[] } {
  const lines: Record<string, unknown>[] = [];
  const formatters = { level: (label: string) => ({ level: label }) };
  const logger = pino(
    { level, base: null, timestamp: false, formatters },
    {
      write: (line: string) => void lines.push(JSON.parse(line)),
    },
  );
  return { logger, lines };
}
