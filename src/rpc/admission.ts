import { ParamdError } from '../model/errors.ts';
import type { Connection } from './connections.ts';
import type { Runtime } from './runtime.ts';
import { admitAnswer } from './unread-answers.ts';

/**
 * Of a read the answer too can be refused, as it has changed nothing. Health is always told: above all when this replica
 * closes, or has too much to do.
 */
export type Admission = 'limited' | 'read' | 'always';

/** Refuses a call before it costs anything. */
export function admit(admission: Admission, runtime: Runtime, connection: Connection): void {
  if (admission === 'always') return;
  if (runtime.draining) throw new ParamdError({ reason: 'DRAINING' });
  const { ratePerConnectionMax } = runtime.limits;
  admitAnswer(connection, runtime);
  if (ratePerConnectionMax > 0) takeToken(connection, ratePerConnectionMax, runtime.clock.monotonicMs());
}

/** Calls that a connection may make at once, under this limit. */
export function burstOf(perSecond: number): number {
  return Math.max(1, perSecond);
}

function takeToken(connection: Connection, perSecond: number, nowMs: number): void {
  const refilled = connection.tokens + ((nowMs - connection.tokensAtMs) * perSecond) / 1000;
  connection.tokens = Math.min(burstOf(perSecond), refilled);
  connection.tokensAtMs = nowMs;
  if (connection.tokens < 1) {
    const retryMs = ((1 - connection.tokens) * 1000) / perSecond;
    const limit = 'calls_per_second_and_connection';
    throw new ParamdError({ reason: 'RATE_LIMITED', limit, maximum: perSecond, retryMs });
  }
  connection.tokens -= 1;
}
