import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CallOptions,
  type ClientReadableStream,
  type ClientUnaryCall,
  type Metadata,
  type ServiceError,
  status,
} from '@grpc/grpc-js';
import { after } from './after.ts';
import { msOf } from './argument-checks.ts';
import type { RetryBudget } from './retry-budget.ts';
import { isWayBroken, ParamdRpcError, tooMuch, toRpcError } from './rpc-error.ts';
import type { Throttle } from './throttle.ts';

/** Of every call. */
export interface CallSettings {
  /** Until when the answer must be there; by default the client's, 5 s. */
  readonly timeoutMs?: number | undefined;
  /** Its abort cancels the call, which then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/** What one client gives to all of its calls. */
export interface CallDefaults {
  /** For one attempt. */
  readonly metadata: () => Metadata | Promise<Metadata>;
  readonly timeoutMs: number;
  readonly attemptsMax: number;
  /** Of all calls together, where paramd says that it is asked too much. */
  readonly budget: RetryBudget;
  readonly throttle: Throttle;
  /** Aborts when the client is closed. */
  readonly closed: AbortSignal;
}

/** A unary method of a generated client. */
export type Unary<Q, S> = (
  request: Q,
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: S) => void,
) => ClientUnaryCall;

const BACKOFF_MIN_MS = 50;
/** With less time left an attempt would only replace a telling error by DEADLINE_EXCEEDED. */
const ATTEMPT_MS_MIN = 100;
/** 24 days: servers on Node take what is a little longer for the past. */
const ATTEMPT_MS_MAX = 24 * 86_400_000;

/**
 * Tries again what is worth it: where the way to paramd broke, and after an error of paramd itself exactly if it says so
 * by RetryInfo. gRPC's own retryPolicy knows nothing of that, and would try until the reason is lost in a
 * DEADLINE_EXCEEDED. Writes may be tried again because each one has a request_id (C8).
 * @throws ParamdRpcError; the signal's reason if it aborts
 */
export async function unary<Q, S>(
  start: Unary<Q, S>,
  request: Q,
  settings: CallSettings,
  defaults: CallDefaults,
): Promise<S> {
  const { signal, timeoutMs = defaults.timeoutMs } = settings;
  const endsAtMs = performance.now() + msOf('timeoutMs', timeoutMs); // a wall clock that is put back must not prolong it
  const leftMs = () => endsAtMs - performance.now();
  const throwIfOver = () => {
    signal?.throwIfAborted();
    defaults.closed.throwIfAborted();
  };
  for (let attempt = 1; ; attempt++) {
    if (!defaults.throttle.admits()) throw tooMuch();
    try {
      throwIfOver();
      const metadata = await inTime(defaults.metadata(), leftMs(), signal);
      throwIfOver();
      const answer = await attemptOnce(start, request, metadata, leftMs(), signal);
      defaults.throttle.ended(false);
      defaults.budget.answered();
      return answer;
    } catch (error) {
      defaults.throttle.ended(isOverload(error));
      const waitMs = retryInMs(error, attempt);
      if (waitMs === undefined || attempt === defaults.attemptsMax) throw error;
      if (waitMs + ATTEMPT_MS_MIN > leftMs()) throw error;
      if (isRefused(error) && !defaults.budget.take()) throw error;
      const over = signal === undefined ? defaults.closed : AbortSignal.any([signal, defaults.closed]);
      await sleep(waitMs, undefined, { signal: over }).catch(throwIfOver);
    }
  }
}

function attemptOnce<Q, S>(
  start: Unary<Q, S>,
  request: Q,
  metadata: Metadata,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<S> {
  return new Promise((resolve, reject) => {
    const cancel = () => call.cancel();
    const deadline = Date.now() + Math.min(timeoutMs, ATTEMPT_MS_MAX);
    const call = start(request, metadata, { deadline }, (error, response) => {
      signal?.removeEventListener('abort', cancel);
      if (error === null) resolve(response);
      else reject(signal?.aborted ? signal.reason : toRpcError(error));
    });
    signal?.addEventListener('abort', cancel, { once: true });
  });
}

/** The hook is the user's: it must not hold a call beyond its deadline. */
async function inTime<T>(made: T | Promise<T>, timeoutMs: number, signal: AbortSignal | undefined): Promise<T> {
  if (!(made instanceof Promise)) return made;
  const { promise: late, reject } = Promise.withResolvers<never>();
  const error = new ParamdRpcError(status.DEADLINE_EXCEEDED, 'the hook for metadata did not answer in time');
  const cancelTimer = after(timeoutMs, () => reject(error));
  const abort = () => reject(signal?.reason);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([made, late]);
  } finally {
    cancelTimer();
    signal?.removeEventListener('abort', abort);
  }
}

function isOverload(error: unknown): boolean {
  return (
    error instanceof ParamdRpcError && error.reason === 'RATE_LIMITED' && error.metadata.get('limit') === 'wait_ms'
  );
}

function isRefused(error: unknown): boolean {
  return error instanceof ParamdRpcError && error.reason === 'RATE_LIMITED';
}

/** With jitter, so that the callers of a replica that went away do not come back all at once. Undefined: not at all. */
function retryInMs(error: unknown, attempt: number): number | undefined {
  if (!(error instanceof ParamdRpcError)) return undefined;
  const jitterMs = Math.random() * BACKOFF_MIN_MS * 2 ** attempt;
  if (error.reason === undefined) return isWayBroken(error) ? jitterMs : undefined;
  return error.retryAfterMs === undefined ? undefined : error.retryAfterMs + jitterMs;
}

/**
 * The responses of a streaming call. Leaving the loop cancels the call, which grpc-js by itself would not (#2385); only
 * what the loop asks for is read from the network, and a little ahead. A patient call waits for a connection.
 * @throws ParamdRpcError; the signal's reason if it aborts
 */
export async function* responses<S>(
  start: (metadata: Metadata) => ClientReadableStream<S>,
  { metadata, timeoutMs }: CallDefaults,
  signal: AbortSignal,
  patient = false,
): AsyncGenerator<S, void, undefined> {
  signal.throwIfAborted();
  const own = (await inTime(metadata(), timeoutMs, signal)).clone();
  own.setOptions({ waitForReady: patient });
  signal.throwIfAborted();
  const call = start(own);
  call.on('error', () => {}); // a cancelled call still reports itself after the loop has gone
  const cancel = () => call.cancel();
  signal.addEventListener('abort', cancel, { once: true });
  try {
    yield* call as AsyncIterable<S>;
  } catch (error) {
    throw signal.aborted ? signal.reason : toRpcError(error);
  } finally {
    signal.removeEventListener('abort', cancel);
    cancel();
  }
}
