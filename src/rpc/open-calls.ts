// A client may open a call and never finish its request, have no deadline while an answer does not come, or never take the
// answer, be it a byte: grpc-js would keep each of them for ever. A timer for each call is the naive way; calls last
// microseconds and timers cost as much, so one sweep looks over all that are open.
import { constants } from 'node:http2';
import { status as Code, type ServerInterceptor } from '@grpc/grpc-js';
import type { Clock, Timer } from '../ports/clock.ts';
import { plainStatus } from './status-table.ts';
import { type BaseCall, closeStream, streamIsClosed } from './transport.ts';

const SWEEPS_PER_TIMEOUT = 8;

export interface OpenCalls {
  /** Tells of every call of grpc-js. Adds nothing to the call, so it costs next to nothing. */
  readonly interceptor: ServerInterceptor;
  /** Its headers have come. */
  opened(base: BaseCall): void;
  /** Its stream is. */
  closed(base: BaseCall): void;
  /** The handler runs: what happens if the time is over, instead of ending the call from here. */
  handled(base: BaseCall, expire: () => void): void;
  /** The call gets its answer, which the client has to take in time. */
  answered(base: BaseCall): void;
  /** The call is over, or is a stream, which lives as long as it likes. */
  settled(base: BaseCall): void;
  /** Its request has not come whole, so that no handler has seen it. */
  isUnfinished(base: BaseCall): boolean;
  count(): number;
  /** Whose answers were taken whole, since the start. */
  taken(): number;
  close(): void;
}

interface OpenCall {
  endsAtMs: number;
  expire: (() => void) | undefined;
}

/**
 * @param timeoutMs until the answer of a unary call, and for the request of a stream
 * @param stallMs for the client to take an answer
 */
export function openCalls(clock: Clock, timeoutMs: number, stallMs: number): OpenCalls {
  const open = new Map<BaseCall, OpenCall>();
  let timer: Timer | undefined;
  let taken = 0;

  const sweep = (): void => {
    const nowMs = clock.monotonicMs();
    for (const [base, call] of open) {
      if (streamIsClosed(base)) open.delete(base);
      else if (call.endsAtMs > nowMs) continue;
      else if (call.expire !== undefined) call.expire();
      else {
        open.delete(base);
        abandon(base, timeoutMs);
      }
    }
    timer = open.size > 0 ? clock.setTimer(timeoutMs / SWEEPS_PER_TIMEOUT, sweep) : undefined;
  };

  const opened = (base: BaseCall): void => {
    open.set(base, { endsAtMs: clock.monotonicMs() + timeoutMs, expire: undefined });
    timer ??= clock.setTimer(timeoutMs / SWEEPS_PER_TIMEOUT, sweep);
  };

  const closed = (base: BaseCall): void => {
    if (open.delete(base) && base.stream.rstCode === constants.NGHTTP2_NO_ERROR) taken += 1;
  };

  return {
    interceptor(_method, call) {
      const base = call as unknown as BaseCall;
      opened(base);
      base.stream.once('close', () => closed(base));
      return call as unknown as ReturnType<ServerInterceptor>;
    },
    opened,
    closed,
    handled(base, expire) {
      const call = open.get(base);
      if (call !== undefined) call.expire = expire;
    },
    answered(base) {
      const call = open.get(base);
      if (call === undefined) return;
      call.endsAtMs = clock.monotonicMs() + stallMs;
      call.expire = () => closeStream(base);
    },
    settled: (base) => {
      open.delete(base);
    },
    isUnfinished: (base) => open.has(base) && open.get(base)?.expire === undefined,
    count: () => open.size,
    taken: () => taken,
    close: () => timer?.cancel(),
  };
}

/** The request never ended: the client is told, and its half of the stream is closed too. */
function abandon(base: BaseCall, timeoutMs: number): void {
  base.sendStatus(plainStatus(Code.DEADLINE_EXCEEDED, `the request did not end within ${timeoutMs} ms`));
  closeStream(base);
}
