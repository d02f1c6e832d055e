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
  /** The handler runs: if the time is over, it is the call itself that gives up. */
  handled(call: HandledCall): void;
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

export interface HandledCall extends BaseCall {
  /** The handler has had the time that every call has. */
  giveUp(): void;
}

export interface OpenCall {
  readonly base: BaseCall;
  endsAtMs: number;
  /** Among all that are open. */
  place: number;
  handled: HandledCall | undefined;
  isAnswered: boolean;
}

/**
 * @param timeoutMs until the answer of a unary call, and for the request of a stream
 * @param stallMs for the client to take an answer
 */
export function openCalls(clock: Clock, timeoutMs: number, stallMs: number): OpenCalls {
  // Not a Map: its tables point to those after them, and old ones keep calls that are over from the garbage collector.
  const open: OpenCall[] = [];
  let timer: Timer | undefined;
  let taken = 0;

  const sweep = (): void => {
    const nowMs = clock.monotonicMs();
    for (const call of [...open]) {
      const { base, handled } = call;
      if (streamIsClosed(base)) remove(base);
      else if (call.endsAtMs > nowMs) continue;
      else if (call.isAnswered) closeStream(base);
      else if (handled !== undefined) handled.giveUp();
      else {
        remove(base);
        abandon(base, timeoutMs);
      }
    }
    timer = open.length > 0 ? clock.setTimer(timeoutMs / SWEEPS_PER_TIMEOUT, sweep) : undefined;
  };

  const opened = (base: BaseCall): void => {
    const endsAtMs = clock.monotonicMs() + timeoutMs;
    base.open = { base, endsAtMs, place: open.length, handled: undefined, isAnswered: false };
    open.push(base.open);
    timer ??= clock.setTimer(timeoutMs / SWEEPS_PER_TIMEOUT, sweep);
  };

  /** The last one takes its place. @returns whether it was open */
  const remove = (base: BaseCall): boolean => {
    const call = base.open;
    if (call === undefined) return false;
    base.open = undefined;
    const last = open.pop()!;
    if (last !== call) {
      open[call.place] = last;
      last.place = call.place;
    }
    return true;
  };

  const closed = (base: BaseCall): void => {
    if (remove(base) && base.stream.rstCode === constants.NGHTTP2_NO_ERROR) taken += 1;
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
    handled(call) {
      if (call.open !== undefined) call.open.handled = call;
    },
    answered({ open: call }) {
      if (call === undefined) return;
      call.endsAtMs = clock.monotonicMs() + stallMs;
      call.isAnswered = true;
    },
    settled: (base) => {
      remove(base);
    },
    isUnfinished: ({ open: call }) => call !== undefined && call.handled === undefined && !call.isAnswered,
    count: () => open.length,
    taken: () => taken,
    close: () => timer?.cancel(),
  };
}

/** The request never ended: the client is told, and its half of the stream is closed too. */
function abandon(base: BaseCall, timeoutMs: number): void {
  base.sendStatus(plainStatus(Code.DEADLINE_EXCEEDED, `the request did not end within ${timeoutMs} ms`));
  closeStream(base);
}
