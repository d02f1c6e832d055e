// A client may ask for large answers and take none of them: HTTP/2 lets it, grpc-js keeps each until the connection ends,
// and a thousand calls of one connection then hold 4 GB. So what a connection has not taken is counted and bounded. That an
// answer is given up which is not taken in time, open-calls.ts sees to.
import { ParamdError } from '../model/errors.ts';
import type { Connection } from './connections.ts';
import type { Runtime } from './runtime.ts';
import { type BaseCall, streamIsClosed } from './transport.ts';

/** Smaller ones are not worth a listener each: a thousand of them are 4 MiB. */
const COUNTED_BYTES_MIN = 4 << 10;
const RETRY_MS = 1000;

/** Before a call costs anything; and once more, with its size, before an answer leaves: others may have taken the room. */
export function admitAnswer(connection: Connection, { limits }: Runtime, bytes = 0): void {
  const maximum = limits.unreadBytesPerConnectionMax;
  if (connection.unreadBytes === 0 || connection.unreadBytes + bytes <= maximum) return;
  throw new ParamdError({
    reason: 'RATE_LIMITED',
    limit: 'unread_bytes_per_connection',
    maximum,
    retryMs: RETRY_MS,
  });
}

/** Call it just before the answer is handed to grpc-js. */
export function answerLeaves(base: BaseCall, connection: Connection, bytes: number): void {
  if (bytes < COUNTED_BYTES_MIN || streamIsClosed(base)) return;
  connection.unreadBytes += bytes;
  base.stream.once('close', () => {
    connection.unreadBytes -= bytes;
  });
}
