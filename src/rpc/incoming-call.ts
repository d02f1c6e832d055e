import type { Call } from '../core/api.ts';
import { ParamdError } from '../model/errors.ts';
import type { Clock } from '../ports/clock.ts';
import { type Caller, callerOf } from './caller.ts';
import type { Connection } from './connections.ts';
import type { AnyServerCall } from './transport.ts';

/** An answer is due so much before the caller gives up, or a tenth of its time if that is less. */
const ANSWER_MARGIN_MS = 50;

/**
 * One call as handlers see it. A class, for its lazy signal: most calls are answered from memory, and never need to
 * know that their caller has left.
 */
export class IncomingCall implements Call {
  readonly startedAtMs: number;
  readonly deadlineAtMs: number;
  /** Whom writes are fair between. */
  readonly source: string;
  readonly connection: Connection;
  readonly #call: AnyServerCall;
  #leaving: AbortController | undefined;
  #isAnswered = false;

  /** @param timeoutMs of the server; Infinity for streams */
  constructor(call: AnyServerCall, connection: Connection, clock: Clock, timeoutMs: number) {
    this.#call = call;
    this.connection = connection;
    this.source = connection.peer;
    this.startedAtMs = clock.monotonicMs();
    const allowedMs = Math.min(timeoutMs, remainingMs(call));
    this.deadlineAtMs = this.startedAtMs + allowedMs - Math.min(ANSWER_MARGIN_MS, allowedMs / 10);
  }

  get signal(): AbortSignal {
    if (this.#leaving === undefined) {
      const leaving = new AbortController();
      this.#leaving = leaving;
      // grpc-js also calls it 'cancelled' when a call has ended as it should.
      const leave = (): void => {
        if (!this.#isAnswered) leaving.abort(new ParamdError({ reason: 'CANCELLED' }));
      };
      if (this.#call.cancelled) leave();
      else this.#call.once('cancelled', leave);
    }
    return this.#leaving.signal;
  }

  /** Nobody waits for the signal any more. */
  answered(): void {
    this.#isAnswered = true;
  }

  /** Ends the call from our side: what waits on the signal stops. */
  abort(reason: ParamdError): void {
    void this.signal;
    this.#leaving?.abort(reason);
  }

  /** Of a call that is not answered yet. */
  get caller(): Caller {
    return callerOf(this.connection, this.#call.metadata);
  }
}

function remainingMs(call: AnyServerCall): number {
  const deadline = call.getDeadline();
  if (deadline === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  return Math.max(0, Number(deadline) - Date.now());
}
