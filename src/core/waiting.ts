import { ParamdError } from '../model/errors.ts';
import type { Clock } from '../ports/clock.ts';

/** How a caller's wait may end before what it waits for does. */
export interface Patience {
  readonly deadlineAtMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A promise that others settle. */
export interface Deferred<T> {
  readonly promise: Promise<T>;
  resolve(value: T): void;
  reject(error: unknown): void;
}

export function deferred<T>(): Deferred<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  promise.catch(() => {}); // nobody may be waiting
  return { promise, resolve, reject };
}

/**
 * Waits for `promise` no longer than the caller can. What is waited for goes on: it may serve others.
 * @returns 'late' at the deadline
 * @throws ParamdError CANCELLED when the caller leaves
 */
export function within<T>(promise: Promise<T>, clock: Clock, patience: Patience): Promise<T | 'late'> {
  const { deadlineAtMs, signal } = patience;
  if (signal?.aborted) {
    promise.catch(() => {}); // nobody waits any more
    return Promise.reject(new ParamdError({ reason: 'CANCELLED' }));
  }
  if (deadlineAtMs === Number.POSITIVE_INFINITY && signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const timer =
      deadlineAtMs === Number.POSITIVE_INFINITY
        ? undefined
        : clock.setTimer(Math.max(0, deadlineAtMs - clock.monotonicMs()), () => done(() => resolve('late')));
    const left = () => done(() => reject(new ParamdError({ reason: 'CANCELLED' })));
    signal?.addEventListener('abort', left, { once: true });
    const done = (settle: () => void) => {
      timer?.cancel();
      signal?.removeEventListener('abort', left);
      settle();
    };
    promise.then(
      (value) => done(() => resolve(value)),
      (error: unknown) => done(() => reject(error)),
    );
  });
}

/** @throws ParamdError CANCELLED when the caller leaves */
export async function pause(clock: Clock, ms: number, signal?: AbortSignal): Promise<void> {
  await within(new Promise<never>(() => {}), clock, { deadlineAtMs: clock.monotonicMs() + ms, signal });
}
