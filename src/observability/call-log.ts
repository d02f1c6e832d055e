import type { CallObserver, CallOutcome } from '../ports/call-observer.ts';
import type { Clock } from '../ports/clock.ts';
import type { Logger } from './logger.ts';

export interface CallLogOptions {
  /** `errors`: those that are no fault of the caller. */
  readonly calls: 'all' | 'errors' | 'off';
  readonly linesPerSecondMax: number;
}

/** Always logged. */
const DEFECTS: ReadonlySet<string> = new Set(['INTERNAL', 'UNKNOWN']);
/** For operators to know. A caller can bring these about at will, by a revision that never was: they are rationed. */
const TROUBLE: ReadonlySet<string> = new Set(['UNAVAILABLE', 'DATA_LOSS']);
const WINDOW_MS = 1000;

/**
 * One line for each call: method, status, duration and peer; never a key or a value, which may be confidential.
 * A line costs about 5 µs, a fifth of a call that memory answers, so under high load only the first ones of a second are
 * written and the others counted.
 */
export function logCalls(logger: Logger, clock: Clock, { calls, linesPerSecondMax }: CallLogOptions): CallObserver {
  let windowStartMs = clock.monotonicMs();
  let lines = 0;
  let leftOut = 0;

  function mayWrite(nowMs: number): boolean {
    if (nowMs - windowStartMs >= WINDOW_MS) {
      if (leftOut > 0) logger.info({ calls: leftOut }, 'calls without a line of their own');
      windowStartMs = nowMs;
      lines = 0;
      leftOut = 0;
    }
    if (lines < linesPerSecondMax) {
      lines++;
      return true;
    }
    leftOut++;
    return false;
  }

  return {
    started() {},
    ended(method, tookMs, outcome) {
      const level = levelOf(method, outcome);
      if (level !== 'error') {
        if (calls === 'off' || (calls === 'errors' && level !== 'warn')) return;
        if (!logger.isLevelEnabled(level) || !mayWrite(clock.monotonicMs())) return;
      }
      const { error, ...told } = outcome;
      const ms = Math.round(tookMs * 1000) / 1000;
      const fields = { method, ...told, ms };
      logger[level](error === undefined ? fields : { ...fields, error }, 'call');
    },
  };
}

/** To both, in this order. */
export function observeBoth(first: CallObserver, second: CallObserver): CallObserver {
  return {
    started(method) {
      first.started(method);
      second.started(method);
    },
    ended(method, tookMs, outcome) {
      first.ended(method, tookMs, outcome);
      second.ended(method, tookMs, outcome);
    },
  };
}

/** Load balancers ask for health all the time: `grpc.health.v1.Health` and reflection are of little interest. */
function levelOf(method: string, { status }: CallOutcome): 'error' | 'warn' | 'info' | 'debug' {
  if (DEFECTS.has(status)) return 'error';
  if (TROUBLE.has(status)) return 'warn';
  return method.startsWith('/grpc.') ? 'debug' : 'info';
}
