import type { Metadata } from '@grpc/grpc-js';
import { ParamdError } from '../model/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Connection } from './connections.ts';
import type { RpcLimits } from './limits.ts';
import { metadataBytes } from './transport.ts';

/** Refuses a call before it costs anything. */
export function admit(connection: Connection, metadata: Metadata, limits: RpcLimits, clock: Clock): void {
  if (metadataBytes(metadata) > limits.metadataBytesMax) {
    throw new ParamdError({ reason: 'LIMIT_EXCEEDED', limit: 'metadata_bytes', maximum: limits.metadataBytesMax });
  }
  if (limits.ratePerConnectionMax > 0) takeToken(connection, limits.ratePerConnectionMax, clock.monotonicMs());
}

function takeToken(connection: Connection, perSecond: number, nowMs: number): void {
  const refilled = connection.tokens + ((nowMs - connection.tokensAtMs) * perSecond) / 1000;
  connection.tokens = Math.min(perSecond, refilled);
  connection.tokensAtMs = nowMs;
  if (connection.tokens < 1) {
    const retryMs = ((1 - connection.tokens) * 1000) / perSecond;
    const limit = 'calls_per_second_and_connection';
    throw new ParamdError({ reason: 'RATE_LIMITED', limit, maximum: perSecond, retryMs });
  }
  connection.tokens -= 1;
}
