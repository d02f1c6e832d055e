import type { Metadata } from '@grpc/grpc-js';
import type { Call } from '../core/api.ts';
import type { ParamdError } from '../model/errors.ts';
import { type Caller, callerOf } from './caller.ts';
import type { Connection } from './connections.ts';

/** An answer is due so much before the caller gives up, or a tenth of its time if that is less. */
const ANSWER_MARGIN_MS = 50;

interface WithMetadata {
  readonly metadata: Metadata;
}

/**
 * One call as handlers see it. A class, for its lazy signal: most calls are answered from memory, and never need to
 * know that their caller has left.
 */
export class IncomingCall implements Call {
  readonly connection: Connection;
  readonly startedAtMs: number;
  readonly deadlineAtMs: number;
  readonly #base: WithMetadata;
  #leaving: AbortController | undefined;
  #reason: ParamdError | undefined;

  /** @param allowedMs from now until nobody waits any more; Infinity for most streams */
  constructor(connection: Connection, base: WithMetadata, nowMs: number, allowedMs: number) {
    this.connection = connection;
    this.#base = base;
    this.startedAtMs = nowMs;
    this.deadlineAtMs = nowMs + allowedMs - Math.min(ANSWER_MARGIN_MS, allowedMs / 10);
  }

  /** Whom writes are fair between. */
  get source(): string {
    return this.connection.peer;
  }

  get signal(): AbortSignal {
    if (this.#leaving === undefined) {
      this.#leaving = new AbortController();
      if (this.#reason !== undefined) this.#leaving.abort(this.#reason);
    }
    return this.#leaving.signal;
  }

  /** What waits on the signal stops: the caller has left, or is told to. */
  abort(reason: ParamdError): void {
    this.#reason ??= reason;
    this.#leaving?.abort(reason);
  }

  /** Of a call that is not answered yet. */
  get caller(): Caller {
    return callerOf(this.connection, this.#base.metadata);
  }
}
